mod config; fn main() { }
