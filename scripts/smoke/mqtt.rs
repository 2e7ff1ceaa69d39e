//! MQTT 5 by rumqttc: a packet written as bytes and read back.

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish};

use crate::{Outcome, Seen, ensure};

pub(crate) fn round_trip() -> Seen {
    let mut publish = Publish::new("devices/gw-7/shadow", QoS::AtLeastOnce, "{\"on\":true}", None);
    publish.pkid = 77;
    let mut bytes = Default::default();
    let written = publish.write(&mut bytes)?;
    ensure(written == bytes.len(), "the length written is not the length said")?;
    let Packet::Publish(read) = Packet::read(&mut bytes, Some(4096))? else {
        return Err("not a PUBLISH".into());
    };
    ensure(read == publish, "the packet read is not the one written")?;
    Ok(Outcome::Ok(format!("a PUBLISH of {written} bytes and back")))
}
