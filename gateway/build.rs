//! Builds the gateway anew when the web interface was built anew, and lets it
//! be built where that never was.

use std::fs::create_dir_all;

/// Where `npm run build` puts the interface.
const BUILT: &str = "../web/dist";

fn main() {
    println!("cargo:rerun-if-changed={BUILT}");
    // Cargo takes a path that is not there for one that always changes. Where
    // the sources cannot be written nothing is lost but time.
    let _ = create_dir_all(BUILT);
}
