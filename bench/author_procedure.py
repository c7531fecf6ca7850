#!/usr/bin/env python3
"""Times a stand-in for the paper author's released scripts: plain PyTorch, one question at one threshold at a time.

The scripts themselves need Hugging Face's transformers, which a machine without the internet may not have. This is our
own program of the same procedure: layers of separate linear modules in the manner of Hugging Face's eager Llama, Mistral
and Qwen2; one prompt pass that computes the logits of every position; then a pass for each token, with a cache that
grows by concatenation; a hook on each layer that takes norms, thresholds and decisions and keeps the state after the
last active layer; top-p sampling over the sorted vocabulary; a JSON file with indentation for each question.

usage: author_procedure.py SHAPE_JSON     (inference_benchmark runs it; docs/performance.md)
  {"layers", "hidden", "heads", "kv_heads", "head_dim", "intermediate", "vocabulary", "tied_head", "qkv_bias",
   "rope_theta", "epsilon", "dtype", "device", "threads", "new_tokens", "alpha", "prompt_lengths": [...]}
Prints one JSON object: seconds of all prompt passes, of all response passes, and of everything; tokens of both.
"""
import json
import os
import sys
import tempfile
import time

import torch
from torch import nn


def repeat_heads(states, times):
    """[1, kv heads, tokens, dim] -> [1, kv heads * times, tokens, dim], copied out."""
    batch, heads, tokens, dim = states.shape
    return states[:, :, None].expand(batch, heads, times, tokens, dim).reshape(batch, heads * times, tokens, dim)


def turn(x, cosine, sine):
    half = x.shape[-1] // 2
    return x * cosine + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * sine


class Norm(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape["hidden"]))
        self.epsilon = shape["epsilon"]

    def forward(self, x):
        wide = x.to(torch.float32)
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return self.weight * wide.to(x.dtype)


class Attention(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        query_size = shape["heads"] * shape["head_dim"]
        key_size = shape["kv_heads"] * shape["head_dim"]
        self.query = nn.Linear(shape["hidden"], query_size, bias=shape["qkv_bias"])
        self.key = nn.Linear(shape["hidden"], key_size, bias=shape["qkv_bias"])
        self.value = nn.Linear(shape["hidden"], key_size, bias=shape["qkv_bias"])
        self.output = nn.Linear(query_size, shape["hidden"], bias=False)
        self.cache = None

    def forward(self, x, cosine, sine, mask):
        tokens, dim = x.shape[1], self.shape["head_dim"]
        q = self.query(x).view(1, tokens, -1, dim).transpose(1, 2)
        k = self.key(x).view(1, tokens, -1, dim).transpose(1, 2)
        v = self.value(x).view(1, tokens, -1, dim).transpose(1, 2)
        q, k = turn(q, cosine, sine), turn(k, cosine, sine)
        if self.cache is not None:
            k, v = torch.cat((self.cache[0], k), dim=2), torch.cat((self.cache[1], v), dim=2)
        self.cache = (k, v)
        group = self.shape["heads"] // self.shape["kv_heads"]
        k, v = repeat_heads(k, group), repeat_heads(v, group)
        scores = torch.matmul(q, k.transpose(2, 3)) * dim**-0.5 + mask
        weights = nn.functional.softmax(scores, dim=-1, dtype=torch.float32).to(q.dtype)
        mixed = torch.matmul(weights, v).transpose(1, 2).contiguous()
        return self.output(mixed.reshape(1, tokens, -1))


class Layer(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.attention_norm, self.attention = Norm(shape), Attention(shape)
        self.mlp_norm = Norm(shape)
        self.gate = nn.Linear(shape["hidden"], shape["intermediate"], bias=False)
        self.up = nn.Linear(shape["hidden"], shape["intermediate"], bias=False)
        self.down = nn.Linear(shape["intermediate"], shape["hidden"], bias=False)

    def forward(self, x, cosine, sine, mask):
        x = x + self.attention(self.attention_norm(x), cosine, sine, mask)
        h = self.mlp_norm(x)
        return x + self.down(nn.functional.silu(self.gate(h)) * self.up(h))


class Model(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape["vocabulary"], shape["hidden"])
        self.layers = nn.ModuleList([Layer(shape) for _ in range(shape["layers"])])
        self.norm = Norm(shape)
        self.head = nn.Linear(shape["hidden"], shape["vocabulary"], bias=False)
        if shape["tied_head"]:
            self.head.weight = self.embedding.weight

    def forward(self, ids, first_position):
        """Logits of every position given."""
        x = self.embedding(ids)
        tokens, device = ids.shape[1], ids.device
        dim = self.shape["head_dim"]
        frequencies = self.shape["rope_theta"] ** (-torch.arange(0, dim, 2, device=device).float() / dim)
        angles = torch.arange(first_position, first_position + tokens, device=device).float()[:, None] * frequencies
        angles = torch.cat((angles, angles), dim=-1)
        cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        mask = torch.full((tokens, first_position + tokens), torch.finfo(torch.float32).min, device=device)
        mask = torch.triu(mask, diagonal=first_position + 1).to(x.dtype)
        for layer in self.layers:
            x = layer(x, cosine, sine, mask)
        return self.head(self.norm(x))

    def forget(self):
        for layer in self.layers:
            layer.attention.cache = None


class Watcher:
    """Follows one pass through the layers: the hooks of the scripts, one threshold."""

    def __init__(self, model, alpha):
        self.alpha = alpha
        self.last = len(model.layers) - 1
        model.embedding.register_forward_hook(self.start)
        for index, layer in enumerate(model.layers):
            layer.register_forward_hook(lambda _layer, _inputs, output, index=index: self.observe(index, output))

    def start(self, _module, _inputs, output):
        self.norm = torch.norm(output, p=2, dim=-1)
        self.state, self.deltas, self.norms, self.active = output, [], [], []

    def observe(self, index, output):
        norm = torch.norm(output, p=2, dim=-1)
        delta = norm - self.norm
        threshold = torch.zeros_like(delta)
        if self.deltas:
            before = torch.stack(self.deltas)
            threshold = self.alpha * (before.max(dim=0).values - before.min(dim=0).values)
        active = delta >= threshold
        self.state = torch.where(active[..., None], output, self.state)
        self.norm = norm
        self.deltas.append(delta)
        self.norms.append(norm.tolist())
        self.active.append(active.int().tolist())
        return self.state if index == self.last else output

    def rows(self, ids):
        """For each token its id and the layers' decisions."""
        return [[[token, *(layer[0][i] for layer in self.active)] for i, token in enumerate(ids)]]


def draw_top_p(logits, temperature=0.6, top_p=0.9):
    shares, order = torch.sort(torch.softmax(logits / temperature, dim=-1), dim=-1, descending=True)
    shares[torch.cumsum(shares, dim=-1) - shares > top_p] = 0
    shares = shares / shares.sum(dim=-1, keepdim=True)
    return order.gather(-1, torch.multinomial(shares, 1))


def make_model(shape, dtype, device):
    previous = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    nn.Linear.reset_parameters = nn.Embedding.reset_parameters = lambda module: None  # filled below, once
    model = Model(shape).to(device)
    torch.set_default_dtype(previous)
    for name, weight in model.named_parameters():
        if not name.endswith("norm.weight"):
            block = torch.randn(min(weight.numel(), 1 << 22), device=device).mul_(0.02).to(dtype)
            flat = weight.view(-1)
            for first in range(0, flat.numel(), block.numel()):
                part = flat[first : first + block.numel()]
                part.copy_(block[: part.numel()])
    return model.eval()


def answer(model, watcher, prompt, new_tokens, file, clock):
    """One question at one threshold: prompt pass, response passes, JSON."""
    start = time.perf_counter()
    model.forget()
    logits = model(prompt, 0)
    token = draw_top_p(logits[:, -1])
    ids = prompt[0].tolist()
    sample = {"question": ["?"], "prompt": ["?"], "pp_phase": [watcher.rows(ids)], "prompt_l2": [watcher.norms],
              "rg_phase": [], "response_l2": []}
    prompt_end = time.perf_counter()
    for step in range(new_tokens - 1):  # the first one came from the prompt pass, the last one is not fed
        logits = model(token, prompt.shape[1] + step)
        token = draw_top_p(logits[:, -1])
        sample["rg_phase"].append(watcher.rows([token.item()]))
        sample["response_l2"].append(watcher.norms)
    clock["prompt_seconds"] += prompt_end - start
    clock["response_seconds"] += time.perf_counter() - prompt_end
    with open(file, "w", encoding="utf-8") as out:
        json.dump(sample, out, indent=2)
    clock["seconds"] += time.perf_counter() - start


def main():
    shape = json.loads(sys.argv[1])
    torch.set_num_threads(shape["threads"])
    torch.manual_seed(0)
    device = torch.device(shape["device"])
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        model = make_model(shape, getattr(torch, shape["dtype"]), device)
        watcher = Watcher(model, shape["alpha"])
        clock = {"prompt_seconds": 0.0, "response_seconds": 0.0, "seconds": 0.0}
        prompts = [torch.randint(shape["vocabulary"], (1, length), device=device) for length in shape["prompt_lengths"]]
        answer(model, watcher, prompts[0], 2, os.path.join(folder, "warm.json"), dict(clock))
        json_bytes = 0
        for index, prompt in enumerate(prompts):
            file = os.path.join(folder, f"sample_{index}.json")
            answer(model, watcher, prompt, shape["new_tokens"], file, clock)
            json_bytes += os.path.getsize(file)
    clock["prompt_tokens"] = sum(shape["prompt_lengths"])
    clock["response_tokens"] = len(prompts) * (shape["new_tokens"] - 1)
    clock["json_bytes"] = json_bytes
    clock["torch"] = torch.__version__
    print(json.dumps(clock))


if __name__ == "__main__":
    main()
