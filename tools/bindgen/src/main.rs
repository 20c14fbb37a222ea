//! `doorlight-bindgen INPUT.wasm OUTDIR NAME`: the part of `wasm-bindgen-cli` that `tools/wasm`
//! needs, built in seconds instead of minutes. The module runs in pages, workers and (by
//! `initSync`) Node.

use std::path::PathBuf;

use anyhow::{Result, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [input, out, name] = arguments.as_slice() else {
        bail!("usage: doorlight-bindgen INPUT.wasm OUTDIR NAME")
    };
    Bindgen::new()
        .input_path(input)
        .out_name(&name.to_string_lossy())
        .web(true)?
        .omit_default_module_path(false)
        .typescript(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(out)
}
