mod c;

use self::c::other;

pub fn thing() {
    other();
}
