//! Whether a genuine bundle is for this device, and now.
//!
//! What is not known of the device is not compared: `bundle verify` on a desk knows nothing of it, the updater
//! knows all. Time is the house's clock, which never lies before the build or the last good time, so a device without
//! a battery does not take an expired bundle because it believes in 1970. Neighbours: `trust` was asked before.

use crate::bundle::Manifest;
use crate::fault::Fault;
use crate::glob;
use crate::moment::Moment;
use crate::version::Version;

/// What is known of the device.
#[derive(Clone, Debug)]
pub struct Device {
    /// What it is, as patterns of hardware name it.
    pub hardware: Option<String>,
    /// The version that runs.
    pub installed: Option<Version>,
    /// Below this nothing is taken, whoever signed it.
    pub floor: Option<Version>,
    /// The time.
    pub now: Moment,
}

/// Says why not, if not.
///
/// # Errors
/// [`Fault::Unfit`].
pub fn fits(manifest: &Manifest, device: &Device) -> Result<(), Fault> {
    let (name, version) = (&manifest.name, &manifest.version);
    if let Some(expires) = manifest.expires.filter(|expires| *expires <= device.now) {
        return Err(Fault::Unfit(
            format!("{name} {version} expired at {expires}"),
            "ask for a newer bundle, or for this one signed anew; check the clock of this machine too",
        ));
    }
    if let Some(hardware) = &device.hardware
        && !manifest.compatible.is_empty()
        && !manifest.compatible.iter().any(|pattern| glob::matches(pattern, hardware))
    {
        let patterns = manifest.compatible.join("', '");
        return Err(Fault::Unfit(
            format!("{name} {version} is for hardware '{patterns}', and this is '{hardware}'"),
            "choose the bundle for this hardware",
        ));
    }
    if let Some(floor) = device.floor.as_ref().filter(|floor| version.order(floor).is_lt()) {
        return Err(Fault::Unfit(
            format!("{name} {version} is below {floor}, and nothing below that is taken here"),
            "a version that was installed and committed has set that floor",
        ));
    }
    if let (Some(installed), Some(least)) = (&device.installed, &manifest.min_source)
        && installed.order(least).is_lt()
    {
        return Err(Fault::Unfit(
            format!("{name} {version} needs {least} or newer to be installed before, and {installed} is"),
            "install a version between them first",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let text = "format = 1\nname = 'gw'\nversion = '1.4'\nmin_source = '1.2'\nexpires = '2027-01-31'\n\
                    compatible = ['gw-2*', 'lab']\n[component.a]\nsize = 0\n\
                    digest = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'\n[component.a.payload.full]\n\
                    blocks = 0\nstored = 0\nindex = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'\n";
        Manifest::parse("x", text).expect("it reads")
    }

    fn device(hardware: &str, installed: &str, floor: &str, now: &str) -> Device {
        let version = |text: &str| (!text.is_empty()).then(|| text.parse().expect("a version"));
        let hardware = (!hardware.is_empty()).then(|| hardware.to_owned());
        let now = now.parse().expect("a moment");
        Device { hardware, installed: version(installed), floor: version(floor), now }
    }

    #[test]
    fn a_bundle_is_for_a_device_a_version_and_a_time() {
        let in_time = "2027-01-30T23:59:59Z";
        for (device, why) in [
            (device("gw-2b", "1.3", "1.4", in_time), ""),
            (device("", "", "", in_time), ""),
            (device("lab", "1.2", "", in_time), ""),
            (
                device("gw-3", "1.3", "1.3", in_time),
                "gw 1.4 is for hardware 'gw-2*', 'lab', and this is 'gw-3'",
            ),
            (
                device("gw-2", "1.3", "1.4.1", in_time),
                "gw 1.4 is below 1.4.1, and nothing below that is taken here",
            ),
            (
                device("gw-2", "1.1.9", "", in_time),
                "gw 1.4 needs 1.2 or newer to be installed before, and 1.1.9 is",
            ),
            (
                device("gw-2", "1.2-rc.1", "", in_time),
                "gw 1.4 needs 1.2 or newer to be installed before, and 1.2-rc.1 is",
            ),
            (device("gw-2", "1.3", "", "2027-01-31"), "gw 1.4 expired at 2027-01-31"),
        ] {
            let said = fits(&manifest(), &device).err().map(|fault| fault.to_string()).unwrap_or_default();
            assert_eq!(said, why);
        }
    }
}
