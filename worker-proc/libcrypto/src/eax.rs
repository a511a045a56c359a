//! EAX over AES (Bellare, Rogaway and Wagner: The EAX Mode of Operation, 2004), which libcrypto does not have: CTR, and CMAC
//! (RFC 4493) over the IV, over what is only seen, and over what was encrypted.

use crate::cipher::{AesMode, Algorithm, Cipher};
use crate::{Failed, equal};

const BLOCK_BYTES: usize = 16;

type Block = [u8; BLOCK_BYTES];

/// What was encrypted, and the tag.
///
/// # Errors
/// The key is none of AES.
pub(crate) fn seal(
    key: &[u8],
    iv: &[u8],
    seen: &[u8],
    data: &[u8],
) -> Result<[Vec<u8>; 2], Failed> {
    let counter = mac(key, 0, iv)?;
    let hidden = run(AesMode::Ctr, key, &counter, data)?;
    let tag = tag_of(key, counter, seen, &hidden)?;
    Ok([hidden, tag.to_vec()])
}

/// What is hidden in `data`.
///
/// # Errors
/// As for [`seal`]; or the tag is wrong.
pub(crate) fn open(
    key: &[u8],
    iv: &[u8],
    seen: &[u8],
    data: &[u8],
    tag: &[u8],
) -> Result<Vec<u8>, Failed> {
    let counter = mac(key, 0, iv)?;
    if !equal(&tag_of(key, counter, seen, data)?, tag) {
        return Err(Failed);
    }
    run(AesMode::Ctr, key, &counter, data)
}

fn tag_of(key: &[u8], counter: Block, seen: &[u8], hidden: &[u8]) -> Result<Block, Failed> {
    let (seen, hidden) = (mac(key, 1, seen)?, mac(key, 2, hidden)?);
    Ok(std::array::from_fn(|at| {
        counter[at] ^ seen[at] ^ hidden[at]
    }))
}

/// CMAC over a block with the number `of`, and the data.
fn mac(key: &[u8], of: u8, data: &[u8]) -> Result<Block, Failed> {
    let double = |block: u128| block << 1 ^ if block >> 127 == 1 { 0x87 } else { 0 };
    let zeros = last_block(&run(
        AesMode::Cbc,
        key,
        &[0; BLOCK_BYTES],
        &[0; BLOCK_BYTES],
    )?)?;
    let once = double(u128::from_be_bytes(zeros));
    let mut text = vec![0; BLOCK_BYTES];
    text[BLOCK_BYTES - 1] = of;
    text.extend_from_slice(data);
    let is_whole = text.len().is_multiple_of(BLOCK_BYTES);
    if !is_whole {
        text.push(0x80);
        text.resize(text.len().next_multiple_of(BLOCK_BYTES), 0);
    }
    let mask = if is_whole { once } else { double(once) };
    let start = text.len() - BLOCK_BYTES;
    let masked = u128::from_be_bytes(last_block(&text)?) ^ mask;
    text[start..].copy_from_slice(&masked.to_be_bytes());
    last_block(&run(AesMode::Cbc, key, &[0; BLOCK_BYTES], &text)?)
}

fn last_block(bytes: &[u8]) -> Result<Block, Failed> {
    bytes.last_chunk().copied().ok_or(Failed)
}

/// What the mode makes of whole blocks, or of any bytes for CTR.
fn run(mode: AesMode, key: &[u8], iv: &[u8], data: &[u8]) -> Result<Vec<u8>, Failed> {
    let algorithm = Algorithm::aes(mode, key.len()).ok_or(Failed)?;
    let mut cipher = Cipher::new(algorithm, key, iv, true)?;
    cipher.set_padding(false)?;
    let mut output = Vec::with_capacity(data.len());
    cipher.update(data, &mut output)?;
    cipher.finish(&mut output)?;
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("digits");
        (0..text.len()).step_by(2).map(digit).collect()
    }

    /// From the paper: message, key, IV, what is seen, and what comes of it.
    const VECTORS: [[&str; 5]; 3] = [
        [
            "",
            "233952DEE4D5ED5F9B9C6D6FF80FF478",
            "62EC67F9C3A4A407FCB2A8C49031A8B3",
            "6BFB914FD07EAE6B",
            "E037830E8389F27B025A2D6527E79D01",
        ],
        [
            "F7FB",
            "91945D3F4DCBEE0BF45EF52255F095A4",
            "BECAF043B0A23D843194BA972C66DEBD",
            "FA3BFD4806EB53FA",
            "19DD5C4C9331049D0BDAB0277408F67967E5",
        ],
        [
            "CA40D7446E545FFAED3BD12A740A659FFBBB3CEAB7",
            "8395FCF1E95BEBD697BD010BC766AAC3",
            "22E7ADD93CFC6393C57EC0B3C17D6B44",
            "126735FCC320D25A",
            "CB8920F87A6C75CFF39627B56E3ED197C552D295A7CFC46AFC253B4652B1AF3795B124AB6E",
        ],
    ];

    #[test]
    fn the_papers_vectors() {
        for vector in VECTORS {
            let [data, key, iv, seen, all] = vector.map(hex);
            let made = seal(&key, &iv, &seen, &data).expect("good lengths");
            assert_eq!(made.concat(), all);
            let [hidden, tag] = &made;
            assert_eq!(open(&key, &iv, &seen, hidden, tag), Ok(data));
            assert!(open(&key, &iv, b"other", hidden, tag).is_err());
            assert!(open(&key, &iv, &seen, hidden, &tag[..8]).is_err());
        }
    }
}
