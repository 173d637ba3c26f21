"""A plain PyTorch loop for quantization-aware distillation, to compare Whittle's speed with.

Qwen3-0.6B's shape with random weights: a student whose linear weights are fake-quantized (2 bits,
groups of 16, scale and minimum from the group's range, straight through), a frozen teacher in
bfloat16, autocast to bfloat16, forward KL over all tokens in float32, fused AdamW on float32
masters. Needs torch and transformers; Whittle itself needs neither.
"""

import argparse
import json
import time

import torch
import torch.nn.functional as F
from transformers import Qwen3Config, Qwen3ForCausalLM


class FakeQuantize(torch.autograd.Function):
    """Two bits with a scale and a minimum for 16 weights; the gradient passes straight through."""

    @staticmethod
    def forward(ctx, weight):
        groups = weight.view(-1, 16)
        low = groups.amin(1, keepdim=True).clamp(max=0)
        scale = (groups.amax(1, keepdim=True) - low).clamp(min=1e-8) / 3
        return (((groups - low) / scale).round().clamp(0, 3) * scale + low).view_as(weight)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class QuantizedLinear(torch.nn.Linear):
    def forward(self, x):
        return F.linear(x, FakeQuantize.apply(self.weight))


def quantize_linears(module):
    for name, child in module.named_children():
        if isinstance(child, torch.nn.Linear):
            linear = QuantizedLinear(child.in_features, child.out_features, bias=child.bias is not None)
            linear.weight = child.weight
            setattr(module, name, linear)
        else:
            quantize_linears(child)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()

    config = Qwen3Config(
        vocab_size=151936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28,
        num_attention_heads=16, num_key_value_heads=8, head_dim=128, tie_word_embeddings=True,
        max_position_embeddings=32768, rope_theta=1e6)
    torch.manual_seed(1)
    with torch.device("cuda"):
        teacher = Qwen3ForCausalLM(config).to(torch.bfloat16).eval().requires_grad_(False)
        student = Qwen3ForCausalLM(config)
    quantize_linears(student)
    student.train()
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-5, betas=(0.9, 0.95), weight_decay=0, fused=True)

    def loss_of(tokens):
        with torch.no_grad():
            target = teacher(input_ids=tokens, use_cache=False).logits.float()
        with torch.autocast("cuda", torch.bfloat16):
            logits = student(input_ids=tokens, use_cache=False).logits.float()
        return F.kl_div(
            F.log_softmax(logits, -1), F.log_softmax(target, -1), log_target=True, reduction="none"
        ).sum(-1).mean()

    if args.compile:
        loss_of = torch.compile(loss_of)
    seconds = []
    for step in range(-2, args.steps):
        tokens = torch.randint(0, config.vocab_size, (args.rows, args.length), device="cuda")
        torch.cuda.synchronize()
        start = time.perf_counter()
        loss = loss_of(tokens)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        torch.cuda.synchronize()
        if step >= 0:
            seconds.append(time.perf_counter() - start)
    seconds.sort()
    median = seconds[len(seconds) // 2]
    print(json.dumps({
        "tokens_per_second": args.rows * args.length / median,
        "tokens_per_step": args.rows * args.length,
        "compiled": args.compile,
        "peak_bytes": torch.cuda.max_memory_allocated(),
        "loss": loss.item(),
    }))


if __name__ == "__main__":
    main()
