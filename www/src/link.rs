//! A link that carries the certificates behind its `#`: browsers send that part to nobody.
//!
//! `#c=` is the base64url (RFC 4648 section 5, without padding) of the certificates in DER one
//! after the other, the server's own first; `&h=` is the address that it was judged for. Nothing
//! else is in it: neither time nor verdict, so that whoever makes a link cannot choose how it is
//! judged.

use base64ct::{Base64UrlUnpadded, Encoding};
use doorlight::address::Address;
use doorlight::x509::bundle;
use doorlight::x509::certificate::ReadError;
use doorlight::x509::chain::Chain;

/// The longest fragment that is made, in characters. Mail and messengers cut longer links.
pub const MAX_MADE: usize = 16_384;
/// The longest one that is read.
const MAX_READ: usize = 1 << 20;

/// The fragment, with `#` in front; `None` where it would be longer than [`MAX_MADE`].
pub fn make(chain: &Chain, address: &Address) -> Option<String> {
    let ders = core::iter::once(chain.leaf()).chain(chain.others()).map(|one| one.der());
    let ders: Vec<u8> = ders.flatten().copied().collect();
    let fragment = format!("#c={}&h={address}", Base64UrlUnpadded::encode_string(&ders));
    (fragment.len() <= MAX_MADE).then_some(fragment)
}

/// What a fragment (without its `#`) carries; `None` where it is none of ours.
pub fn read(fragment: &str) -> Option<Result<(Chain, Option<Address>), ReadError>> {
    let value = |name: &str| fragment.split('&').find_map(|part| part.strip_prefix(name));
    let certificates = value("c=")?;
    let address = value("h=").and_then(|address| address.parse().ok());
    if fragment.len() > MAX_READ {
        return Some(Err(ReadError::InputTooLarge));
    }
    let chain = Base64UrlUnpadded::decode_vec(certificates)
        .map_err(|_| ReadError::NoCertificate)
        .and_then(|ders| bundle::split(&ders))
        .and_then(|ders| Chain::from_bundle(&ders));
    Some(chain.map(|chain| (chain, address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_read() {
        let chain = Chain::read(include_bytes!("../samples/good.pem")).unwrap();
        let address: Address = "home.example:8443".parse().unwrap();
        let fragment = make(&chain, &address).unwrap();
        let (read_chain, read_address) = read(&fragment[1..]).unwrap().unwrap();
        assert_eq!((read_chain.leaf(), read_chain.others()), (chain.leaf(), chain.others()));
        assert_eq!(read_address, Some(address));
    }

    #[test]
    fn others_are_left_alone_and_broken_ones_refused() {
        assert!(read("watch-home.example").is_none() && read("").is_none());
        for broken in ["c=", "c=!!!", "c=AAAA", "c=MIIB&h=x"] {
            assert!(read(broken).unwrap().is_err(), "{broken}");
        }
        let chain = Chain::read(include_bytes!("../samples/good.pem")).unwrap();
        let many = Chain::from_bundle(
            &[vec![chain.leaf().der().to_vec()], vec![chain.others()[0].der().to_vec(); 31]]
                .concat(),
        );
        assert_eq!(make(&many.unwrap(), &"home.example".parse().unwrap()), None);
    }
}
