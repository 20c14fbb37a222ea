use crate::a;

pub fn other() {
    a::third();
}
