"""A video made here: still pictures as VP8, put into a WebM file with an index, so that a browser can seek in it.

Chromium's own encoder (WebCodecs) makes the pictures. Each is noise, so that it is large, and a key frame, so that any
of them can be the first. WebM is Matroska (RFC 9559): elements of an identifier, a size and data (EBML, RFC 8794).
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Any

WIDTH, HEIGHT, PER_SECOND = 320, 180, 5

ENCODE = """async ([count, width, height, rate]) => {
    const frames = [];
    const encoder = new VideoEncoder({
        output: chunk => {
            const bytes = new Uint8Array(chunk.byteLength);
            chunk.copyTo(bytes);
            frames.push(btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join('')));
        },
        error: problem => { throw problem; },
    });
    encoder.configure({codec: 'vp8', width, height, bitrate: 8e6, framerate: rate});
    const canvas = new OffscreenCanvas(width, height), context = canvas.getContext('2d');
    let state = 1;
    for (let number = 0; number < count; number++) {
        const picture = context.createImageData(width, height);
        for (let place = 0; place < picture.data.length; place++) {
            state = (state * 1103515245 + 12345) & 0x7fffffff;
            picture.data[place] = place % 4 == 3 ? 255 : state >> 16 & 255;
        }
        context.putImageData(picture, 0, 0);
        const frame = new VideoFrame(canvas, {timestamp: number * 1e6 / rate});
        encoder.encode(frame, {keyFrame: true});
        frame.close();
    }
    await encoder.flush();
    return frames;
}"""


def noise(page: Any, count: int = 10) -> list[bytes]:
    """Let a page (of 127.0.0.1: WebCodecs wants a secure context) encode so many pictures."""
    return [base64.b64decode(text) for text in page.evaluate(ENCODE, [count, WIDTH, HEIGHT, PER_SECOND])]


def webm(pictures: Sequence[bytes], seconds: int) -> bytes:
    """A video of so many seconds that shows the pictures again and again; a cluster and a cue for each second."""
    head = element(
        0x1A45DFA3,
        element(0x4286, b"\1"), element(0x42F7, b"\1"), element(0x42F2, b"\4"), element(0x42F3, b"\x08"),
        element(0x4282, b"webm"), element(0x4287, b"\4"), element(0x4285, b"\2"),
    )  # fmt: skip
    info = element(
        0x1549A966, element(0x2AD7B1, (1_000_000).to_bytes(4)), element(0x4489, struct.pack(">d", 1000.0 * seconds))
    )
    video = element(0xE0, element(0xB0, WIDTH.to_bytes(2)), element(0xBA, HEIGHT.to_bytes(2)))
    track = element(
        0xAE, element(0xD7, b"\1"), element(0x73C5, b"\1"), element(0x83, b"\1"), element(0x86, b"V_VP8"), video
    )
    tracks = element(0x1654AE6B, track)
    clusters = [_cluster(second, pictures) for second in range(seconds)]
    first = len(info) + len(tracks) + len(_cues([0] * seconds))
    places = [first + sum(map(len, clusters[:second])) for second in range(seconds)]
    return head + element(0x18538067, info, tracks, _cues(places), *clusters)


def element(number: int, *parts: bytes) -> bytes:
    """One EBML element; its size always takes eight bytes, so that places can be computed beforehand."""
    data = b"".join(parts)
    return number.to_bytes((number.bit_length() + 7) // 8) + (len(data) | 1 << 56).to_bytes(8) + data


def _cluster(second: int, pictures: Sequence[bytes]) -> bytes:
    blocks = []
    for step in range(PER_SECOND):
        picture = pictures[(second * PER_SECOND + step) % len(pictures)]
        offset = (1000 * step // PER_SECOND).to_bytes(2)
        blocks.append(element(0xA3, b"\x81" + offset + b"\x80" + picture))  # track 1, ms after the cluster, key frame
    return element(0x1F43B675, element(0xE7, (1000 * second).to_bytes(4)), *blocks)


def _cues(places: Sequence[int]) -> bytes:
    """Where each second begins, counted from the first byte of the segment's data."""
    cues = []
    for second, place in enumerate(places):
        position = element(0xB7, element(0xF7, b"\1"), element(0xF1, place.to_bytes(8)))
        cues.append(element(0xBB, element(0xB3, (1000 * second).to_bytes(4)), position))
    return element(0x1C53BB6B, *cues)
