//! What is written is read back; hubs drop the slow and replay the missed.

use super::*;

fn read(text: &[u8]) -> Vec<Event> {
    let mut out = Vec::new();
    assert!(EventParser::new(1000).push(text, &mut out));
    out
}

fn event(id: &str, name: &str, data: &str) -> Event {
    Event { id: id.into(), name: name.into(), data: data.into() }
}

#[test]
fn reads_what_the_standard_shows() {
    let stream =
        b"\xef\xbb\xbf: test stream\n\ndata: first\nid: 1\n\ndata:second\r\nid\r\n\r\ndata:  third\r\r";
    assert_eq!(read(stream), [event("1", "", "first"), event("", "", "second"), event("", "", " third")]);
    assert_eq!(read(b"data\n\ndata\ndata\n\ndata:"), [event("", "", ""), event("", "", "\n")]);
    assert_eq!(read(b"event: x\nid: 7\n\ndata: y\n\n"), [event("7", "", "y")]);
}

#[test]
fn pieces_of_any_size_read_the_same() {
    let text = write("a-1", "change", "one\r\ntwo\nthree\r");
    let whole = read(&text);
    assert_eq!(whole, [event("a-1", "change", "one\ntwo\nthree\n")]);
    let mut parser = EventParser::new(1000);
    let mut out = Vec::new();
    for byte in text.iter() {
        assert!(parser.push(&[*byte], &mut out));
    }
    assert_eq!(out, whole);
}

#[test]
fn refuses_an_event_without_end() {
    let mut out = Vec::new();
    assert!(!EventParser::new(100).push(&[b'x'; 200], &mut out));
    assert!(!EventParser::new(100).push("data: 0123456789\n".repeat(20).as_bytes(), &mut out));
}

/// The events a stream holds at this moment.
async fn drain(reply: &mut Reply) -> Vec<Event> {
    let (mut out, mut parser) = (Vec::new(), EventParser::new(1 << 20));
    while let Ok(Some(Ok(frame))) =
        tokio::time::timeout(Duration::from_millis(1), reply.body_mut().frame()).await
    {
        assert!(parser.push(&frame.into_data().unwrap(), &mut out));
    }
    out
}

#[tokio::test(start_paused = true)]
async fn the_slow_are_dropped_and_counted() {
    let events = Events::new(1, 4, 100);
    let (mut slow, mut quick) = (events.subscribe(None), events.subscribe(None));
    for number in 0..10 {
        events.send("n", &number.to_string());
        assert_eq!(drain(&mut quick).await.len(), 1);
    }
    assert_eq!((events.dropped(), events.clients()), (1, 1));
    let seen = drain(&mut slow).await;
    assert_eq!(seen.len(), 4);
    let mut again = events.subscribe(Some(&seen[3].id));
    let data: Vec<_> = drain(&mut again).await.into_iter().map(|event| event.data).collect();
    assert_eq!(data, ["4", "5", "6", "7", "8", "9"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_is_said() {
    let events = Events::new(0xab, 4, 2);
    (0..5).for_each(|number| events.send("", &number.to_string()));
    let mut late = events.subscribe(Some("ab-1"));
    assert_eq!(
        drain(&mut late).await,
        [event("", "lost", "2"), event("ab-4", "", "3"), event("ab-5", "", "4")]
    );
    for other_run in ["aa-1", "ab-99", "nonsense", ""] {
        let mut late = events.subscribe(Some(other_run));
        assert_eq!(drain(&mut late).await[0], event("", "lost", "unknown"), "{other_run}");
    }
    assert!(drain(&mut events.subscribe(Some("ab-5"))).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn silence_is_filled_and_close_ends() {
    let events = Events::new(1, 4, 4);
    let mut reply = events.subscribe(None);
    let frame = reply.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(frame, ":\n\n");
    events.close();
    assert!(reply.body_mut().frame().await.is_none());
    assert!(events.subscribe(None).body_mut().frame().await.is_none());
}
