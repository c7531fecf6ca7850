#!/usr/bin/env python3
"""bench/llama_cpp/write_gguf.py on the demo models: what it writes is read back by a reader of this file's own.

usage: write_gguf_test.py WRITE_GGUF DEMO_MODELS
"""
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

WRITER, MODELS = sys.argv[1], sys.argv[2]
ALIGNMENT = 32
F32, BF16 = 0, 30  # GGUF's numbers of element types


def write(folder, file):
    return subprocess.run(["/usr/bin/python3", WRITER, folder, file], capture_output=True, text=True, timeout=60)


class Gguf:
    """A GGUF file: values by key, and of each tensor (element type, shape with the slowest dimension first, bytes)."""

    def __init__(self, file):
        with open(file, "rb") as content:
            self.content = content.read()
        self.at = 4
        self.version, tensor_count, value_count = self.take("<IQQ")
        self.values = {}
        for _ in range(value_count):
            key = self.take_text()
            assert key not in self.values, key
            self.values[key] = self.take_value(self.take("<I")[0])
        infos = []
        for _ in range(tensor_count):
            name = self.take_text()
            dimensions = self.take(f"<{self.take('<I')[0]}Q")
            infos.append((name, dimensions[::-1], *self.take("<IQ")))
        self.header_bytes = self.at
        self.data_start = (self.at + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
        self.offsets, self.tensors, self.end = [], {}, self.data_start
        for name, shape, element_type, offset in infos:
            size = {F32: 4, BF16: 2}[element_type]
            for extent in shape:
                size *= extent
            first = self.data_start + offset
            assert first >= self.end, f"{name} overlaps what is before it"
            self.offsets.append(offset)
            self.end = first + size
            self.tensors[name] = (element_type, list(shape), self.content[first : self.end])

    def take(self, layout):
        values = struct.unpack_from(layout, self.content, self.at)
        self.at += struct.calcsize(layout)
        return values

    def take_text(self):
        (size,) = self.take("<Q")
        self.at += size
        return self.content[self.at - size : self.at].decode()

    def take_value(self, kind):
        if kind == 9:
            element_kind, count = self.take("<IQ")
            return [self.take_value(element_kind) for _ in range(count)]
        return self.take_text() if kind == 8 else self.take({4: "<I", 6: "<f"}[kind])[0]


def read_safetensors(file):
    """name -> (shape, bytes)"""
    with open(file, "rb") as content:
        raw = content.read()
    start = 8 + struct.unpack_from("<Q", raw)[0]
    header = json.loads(raw[8:start])
    header.pop("__metadata__", None)
    return {name: (entry["shape"], raw[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]])
            for name, entry in header.items()}


def write_safetensors(folder, config, dtype, tensors):
    """One checkpoint folder; tensors: name -> (shape, bytes)."""
    header, data = {}, b""
    for name, (shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + data)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as out:
        json.dump(config, out)


def as_float32(raw):
    """bfloat16 is the upper half of a float32."""
    return b"".join(b"\0\0" + raw[i : i + 2] for i in range(0, len(raw), 2))


def pair_rows(raw, rows, heads):
    """Each head's rows i and i + dim / 2 side by side."""
    row_bytes, dim = len(raw) // rows, rows // heads
    order = [head * dim + half * dim // 2 + i for head in range(heads) for i in range(dim // 2) for half in (0, 1)]
    return b"".join(raw[row * row_bytes : (row + 1) * row_bytes] for row in order)


OF_LAYER = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.q_proj.bias": "attn_q.bias",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.k_proj.bias": "attn_k.bias",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.v_proj.bias": "attn_v.bias",
    "self_attn.o_proj.weight": "attn_output.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
}


def expected_names(layers, tied, biases):
    """Their name -> our name of every tensor that must be there."""
    names = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
    if not tied:
        names["output.weight"] = "lm_head.weight"
    for layer in range(layers):
        for ours, theirs in OF_LAYER.items():
            if biases or not ours.endswith("bias"):
                names[f"blk.{layer}.{theirs}"] = f"model.layers.{layer}.{ours}"
    return names


class DemoModels(unittest.TestCase):
    def convert(self, model):
        folder = os.path.join(MODELS, model)
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as text:
            config = json.load(text)
        with tempfile.TemporaryDirectory() as scratch:
            file = os.path.join(scratch, "model.gguf")
            process = write(folder, file)
            self.assertEqual(0, process.returncode, process.stderr)
            return Gguf(file), config, read_safetensors(os.path.join(folder, "model.safetensors"))

    def check_layout(self, gguf):
        self.assertEqual(b"GGUF", gguf.content[:4])
        self.assertEqual(3, gguf.version)
        self.assertNotIn("general.alignment", gguf.values)  # so it is the default
        for offset in gguf.offsets:
            self.assertEqual(0, offset % ALIGNMENT)
        self.assertEqual(bytes(gguf.data_start - gguf.header_bytes), gguf.content[gguf.header_bytes : gguf.data_start])
        self.assertEqual(bytes(-gguf.end % ALIGNMENT), gguf.content[gguf.end :])

    def check_values(self, gguf, config, architecture):
        values = gguf.values
        self.assertEqual(architecture, values["general.architecture"])
        for key, of_config in {"block_count": "num_hidden_layers", "context_length": "max_position_embeddings",
                               "embedding_length": "hidden_size", "feed_forward_length": "intermediate_size",
                               "attention.head_count": "num_attention_heads",
                               "attention.head_count_kv": "num_key_value_heads", "attention.key_length": "head_dim",
                               "attention.value_length": "head_dim", "rope.dimension_count": "head_dim",
                               "rope.freq_base": "rope_theta", "vocab_size": "vocab_size"}.items():
            self.assertEqual(config[of_config], values[f"{architecture}.{key}"], key)
        self.assertAlmostEqual(config["rms_norm_eps"], values[f"{architecture}.attention.layer_norm_rms_epsilon"], 12)
        self.assertEqual(config["vocab_size"], len(set(values["tokenizer.ggml.tokens"])))

    def check_tensors(self, gguf, config, source):
        names = expected_names(config["num_hidden_layers"], config["tie_word_embeddings"],
                               config["model_type"] == "qwen2")
        self.assertEqual(set(names), set(gguf.tensors))
        for theirs, ours in names.items():
            element_type, shape, raw = gguf.tensors[theirs]
            our_shape, expected = source[ours]
            heads = {"attn_q": config["num_attention_heads"],
                     "attn_k": config["num_key_value_heads"]}.get(theirs.split(".")[-2])
            if heads and config["model_type"] != "qwen2":
                expected = pair_rows(expected, our_shape[0], heads)
                self.assertNotEqual(source[ours][1], expected, "a test of nothing")
            if len(our_shape) == 1:
                expected = as_float32(expected)
            self.assertEqual(F32 if len(our_shape) == 1 else BF16, element_type, theirs)
            self.assertEqual(our_shape, shape, theirs)
            self.assertTrue(expected == raw, f"{theirs}: other bytes")

    def check(self, model, architecture):
        gguf, config, source = self.convert(model)
        self.check_layout(gguf)
        self.check_values(gguf, config, architecture)
        self.check_tensors(gguf, config, source)

    def test_qwen_tied_with_biases(self):
        self.check("qwen-demo", "qwen2")

    def test_llama_with_a_head_of_its_own(self):
        self.check("llama-demo", "llama")

    def test_mistral_is_llama_to_llama_cpp(self):
        self.check("mistral-demo", "llama")


class SmallCheckpoints(unittest.TestCase):
    CONFIG = {"model_type": "llama", "num_hidden_layers": 1, "hidden_size": 2, "num_attention_heads": 2,
              "num_key_value_heads": 1, "head_dim": 4, "intermediate_size": 2, "max_position_embeddings": 8,
              "rms_norm_eps": 1e-5, "rope_theta": 1e4, "vocab_size": 3}
    QUERY = "model.layers.0.self_attn.q_proj.weight"

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder, self.file = scratch.name, os.path.join(scratch.name, "model.gguf")

    def refuse(self, words, config=None, dtype="F32", name=QUERY):
        write_safetensors(self.folder, self.CONFIG | (config or {}), dtype, {name: ([8, 2], bytes(64))})
        process = write(self.folder, self.file)
        self.assertEqual(1, process.returncode)
        self.assertIn(words, process.stderr)
        self.assertNotIn("Traceback", process.stderr)
        self.assertFalse(os.path.exists(self.file))

    def test_float32_stays_float32(self):
        # Two heads of four rows, two columns; row i holds 10 i and 10 i + 1.
        rows = [[10.0 * i, 10.0 * i + 1] for i in range(8)]
        raw = struct.pack("<16f", *(value for row in rows for value in row))
        write_safetensors(self.folder, self.CONFIG, "F32", {self.QUERY: ([8, 2], raw)})
        self.assertEqual("", write(self.folder, self.file).stderr)
        element_type, shape, written = Gguf(self.file).tensors["blk.0.attn_q.weight"]
        self.assertEqual((F32, [8, 2]), (element_type, shape))
        self.assertEqual([0, 1, 20, 21, 10, 11, 30, 31, 40, 41, 60, 61, 50, 51, 70, 71],
                         list(struct.unpack("<16f", written)))

    def test_what_it_cannot_write_is_refused(self):
        self.refuse("'gpt2'", config={"model_type": "gpt2"})
        self.refuse("rope_scaling", config={"rope_scaling": {"rope_type": "llama3"}})
        self.refuse("F16", dtype="F16")
        self.refuse("'model.layers.0.mlp.experts.weight'", name="model.layers.0.mlp.experts.weight")

    def test_a_missing_checkpoint_is_one_line(self):
        process = write(self.folder, self.file)
        self.assertEqual(1, process.returncode)
        self.assertIn("config.json", process.stderr)
        self.assertEqual(1, len(process.stderr.splitlines()))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
