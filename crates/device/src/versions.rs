//! Versions of the numerical libraries, which Cargo does not tell a program.

pub const BURN: &str = "0.22.1";
/// cubecl, burn's GPU runtime.
pub const CUBECL: &str = "0.11.3";
/// wgpu, which reaches the graphics drivers.
pub const WGPU: &str = "30.0.1";

#[cfg(test)]
mod tests {
    #[test]
    fn the_versions_are_those_of_the_lock_file() {
        let lock = include_str!("../../../Cargo.lock");
        for (name, version) in
            [("burn", super::BURN), ("cubecl", super::CUBECL), ("wgpu", super::WGPU)]
        {
            let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
            assert!(
                lock.contains(&entry),
                "Cargo.lock has another version of {name} than {version}"
            );
        }
    }
}
