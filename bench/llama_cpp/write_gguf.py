#!/usr/bin/env python3
"""Writes a checkpoint folder (config.json, model.safetensors) as one GGUF file, so that llama.cpp runs the same weights.

usage: write_gguf.py FOLDER FILE.gguf     (inference_benchmark's group llama_cpp runs it; docs/performance.md)

For the families of the benchmark's models: qwen2, llama and mistral, in bfloat16 or float32. The vocabulary is made up,
as llama.cpp gets token ids but will not run without a tokenizer. Needs numpy.
"""
import json
import os
import struct
import sys
from pathlib import Path

import numpy as np

VERSION = 3
ALIGNMENT = 32  # bytes; GGUF's default, so it need not be stated in the file

# GGUF's numbers for the types of values and of tensors' elements.
UINT32, FLOAT32, STRING, ARRAY = 4, 6, 8, 9
ELEMENT_TYPES = {"F32": 0, "BF16": 30}
ELEMENT_BYTES = {"F32": 4, "BF16": 2}

# config.json's model_type -> llama.cpp's architecture. It has none of Mistral's own.
ARCHITECTURES = {"qwen2": "qwen2", "llama": "llama", "mistral": "llama"}

# Our name of a tensor -> llama.cpp's. Layers' names go without "model.layers.<i>." and "blk.<i>.".
WHOLE_MODEL_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


class Refused(Exception):
    """The checkpoint cannot be written as GGUF; the text says why."""


def open_safetensors(file):
    """The tensors of a safetensors file: name -> (dtype, shape, bytes as a read-only memory map)."""
    content = np.memmap(file, dtype=np.uint8, mode="r")
    header_bytes = int.from_bytes(content[:8].tobytes(), "little")
    header = json.loads(content[8 : 8 + header_bytes].tobytes())
    header.pop("__metadata__", None)
    data = content[8 + header_bytes :]
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] not in ELEMENT_TYPES:
            raise Refused(f"{file}: tensor '{name}' is {entry['dtype']}; only BF16 and F32 can be written")
        first, end = entry["data_offsets"]
        tensors[name] = (entry["dtype"], entry["shape"], data[first:end])
    return tensors


def translate_name(name):
    """llama.cpp's name of a tensor."""
    if name in WHOLE_MODEL_NAMES:
        return WHOLE_MODEL_NAMES[name]
    parts = name.split(".")
    module = ".".join(parts[3:-1])
    if parts[:2] != ["model", "layers"] or module not in LAYER_NAMES:
        raise Refused(f"there is no name in GGUF for tensor '{name}'")
    return f"blk.{parts[2]}.{LAYER_NAMES[module]}.{parts[-1]}"


def widen(elements):
    """Raw bfloat16 bytes -> float32: the upper half of its bits."""
    return (elements.view("<u2").astype("<u4") << 16).view("<f4")


def pair_neighbours(rows, heads):
    """[heads * dim, ...] with each head's rows reordered for a rotary embedding that turns rows 2i and 2i + 1 together.

    The checkpoint's turns rows i and i + dim / 2 together; llama.cpp's architecture "llama" turns neighbours. Scores are
    sums over a head's rows, so queries and keys may take any order that both share.
    """
    halves = rows.reshape(heads, 2, -1, *rows.shape[1:])  # [heads, 2, dim / 2, ...]
    return np.swapaxes(halves, 1, 2).reshape(rows.shape)


class Tensor:
    """A tensor as it will stand in the file."""

    def __init__(self, name, source, config):
        self.name = translate_name(name)
        self.source_dtype, self.shape, self.content = source
        # llama.cpp's kernels add biases and multiply with norms' weights in float32 alone.
        self.dtype = "F32" if len(self.shape) == 1 else self.source_dtype
        self.heads_to_pair = 0
        if ARCHITECTURES[config["model_type"]] == "llama":
            if ".q_proj." in name:
                self.heads_to_pair = config["num_attention_heads"]
            elif ".k_proj." in name:
                self.heads_to_pair = config["num_key_value_heads"]

    def count_bytes(self):
        return int(np.prod(self.shape)) * ELEMENT_BYTES[self.dtype]

    def read(self):
        """Its elements as raw bytes in the file's order."""
        elements = self.content
        if self.dtype != self.source_dtype:
            elements = widen(elements)
        if self.heads_to_pair:
            rows = elements.view("<u4" if self.dtype == "F32" else "<u2").reshape(self.shape)
            elements = pair_neighbours(rows, self.heads_to_pair)
        return elements.tobytes()


def check_config(config):
    if config.get("model_type") not in ARCHITECTURES:
        raise Refused(f"model_type '{config.get('model_type')}' is none of {', '.join(ARCHITECTURES)}")
    if config.get("rope_scaling"):
        raise Refused("a model with rope_scaling cannot be written")


def describe_model(config):
    """The file's key-value pairs: key -> (type, value)."""
    architecture = ARCHITECTURES[config["model_type"]]
    head_dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    of_model = {
        "block_count": (UINT32, config["num_hidden_layers"]),
        "context_length": (UINT32, config["max_position_embeddings"]),
        "embedding_length": (UINT32, config["hidden_size"]),
        "feed_forward_length": (UINT32, config["intermediate_size"]),
        "attention.head_count": (UINT32, config["num_attention_heads"]),
        "attention.head_count_kv": (UINT32, config["num_key_value_heads"]),
        "attention.key_length": (UINT32, head_dim),
        "attention.value_length": (UINT32, head_dim),
        "attention.layer_norm_rms_epsilon": (FLOAT32, config["rms_norm_eps"]),
        "rope.dimension_count": (UINT32, head_dim),
        "rope.freq_base": (FLOAT32, config["rope_theta"]),
        "vocab_size": (UINT32, config["vocab_size"]),
    }
    # Without general.file_type llama.cpp says in its own words what element type it found most of.
    pairs = {"general.architecture": (STRING, architecture)}
    pairs.update((f"{architecture}.{key}", value) for key, value in of_model.items())
    pairs["tokenizer.ggml.model"] = (STRING, "gpt2")
    pairs["tokenizer.ggml.pre"] = (STRING, "qwen2")
    pairs["tokenizer.ggml.tokens"] = (ARRAY, [f"token{i}" for i in range(config["vocab_size"])])
    pairs["tokenizer.ggml.merges"] = (ARRAY, ["token0 token1"])
    return pairs


def pack_string(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def pack_value(value_type, value):
    """`value` of type ARRAY: a list of texts."""
    if value_type == STRING:
        return pack_string(value)
    if value_type == ARRAY:
        return struct.pack("<IQ", STRING, len(value)) + b"".join(pack_string(text) for text in value)
    return struct.pack({UINT32: "<I", FLOAT32: "<f"}[value_type], value)


def pack_tensor_info(tensor, offset):
    dimensions = tensor.shape[::-1]  # GGUF names the fastest one first
    return (pack_string(tensor.name) + struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions) +
            struct.pack("<IQ", ELEMENT_TYPES[tensor.dtype], offset))


def count_padding(size):
    """Zero bytes after so many to the next multiple of the alignment."""
    return -size % ALIGNMENT


def write_gguf(folder, file):
    """Converts one checkpoint. Holds one tensor in memory at a time. Throws Refused."""
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    check_config(config)
    sources = open_safetensors(Path(folder) / "model.safetensors")
    if config.get("tie_word_embeddings"):
        sources.pop("lm_head.weight", None)  # llama.cpp takes the embedding where there is none
    tensors = [Tensor(name, source, config) for name, source in sources.items()]
    pairs = describe_model(config)
    head = b"GGUF" + struct.pack("<IQQ", VERSION, len(tensors), len(pairs))
    for key, (value_type, value) in pairs.items():
        head += pack_string(key) + struct.pack("<I", value_type) + pack_value(value_type, value)
    offset = 0
    for tensor in tensors:
        head += pack_tensor_info(tensor, offset)
        offset += tensor.count_bytes() + count_padding(tensor.count_bytes())
    with open(file, "wb") as out:
        out.write(head + bytes(count_padding(len(head))))
        for tensor in tensors:
            out.write(tensor.read())
            out.write(bytes(count_padding(tensor.count_bytes())))
        out.flush()
        os.fsync(out.fileno())  # now, and not while something is timed


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: write_gguf.py FOLDER FILE.gguf")
    try:
        write_gguf(sys.argv[1], sys.argv[2])
    except (Refused, OSError) as error:
        sys.exit(f"write_gguf.py: error: {error}")


if __name__ == "__main__":
    main()
