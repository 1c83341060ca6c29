//! trien
fn main() {}
