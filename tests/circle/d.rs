use crate::b;

#[cfg(test)]
mod tests {
    use crate::a;
}
