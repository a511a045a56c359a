//! Any bytes from another runtime process: frames, and the heads and values in them, or an error without a panic. The first
//! byte says how many bytes come at a time.
#![no_main]

use ipc::peer::frame::GREETING;
use ipc::peer::{Inbox, Kind, head, value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((step, bytes)) = input.split_first() else {
        return;
    };
    let mut inbox = Inbox::default();
    let stream = [&GREETING, bytes].concat();
    for piece in stream.chunks(usize::from(*step).max(1) * 16) {
        let mut rest = piece;
        while !rest.is_empty() {
            let space = inbox.space();
            assert!(!space.is_empty());
            let count = space.len().min(rest.len());
            space[..count].copy_from_slice(&rest[..count]);
            inbox.filled(count);
            rest = &rest[count..];
            loop {
                match inbox.next_frame() {
                    Ok(None) => break,
                    Ok(Some(frame)) => read(frame.kind, frame.payload),
                    Err(_) => return,
                }
            }
        }
    }
});

fn read(kind: Kind, payload: &[u8]) {
    let _ = match kind {
        Kind::Call => head::read_call(payload, |_| ()),
        Kind::Answer => head::read_answer(payload, |_| ()),
        Kind::Broken | Kind::Stop => head::read_failure(payload, |_| ()),
        Kind::Signal => value::read_payload(payload, |_| ()),
        Kind::Socket => head::read_wire(payload, |_| ()),
        Kind::Chunk | Kind::Credit | Kind::Cancel | Kind::Part | Kind::Release | Kind::Open => {
            Ok(())
        }
    };
}
