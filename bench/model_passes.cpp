#include "bench/model_passes.h"

#include <algorithm>
#include <memory>

#include "bench/random_model.h"
#include "worker/lac/shared_stream_recorder.h"
#include "worker/nn/decode_attention.h"
#include "worker/nn/head_logits.h"
#include "worker/nn/prefill_attention.h"

namespace lacuna {
namespace {

constexpr std::uint64_t kTokenSeed = 7;

at::Tensor to_tensor(const std::vector<std::int64_t>& values, const at::Device& device) {
  return at::tensor(values, at::TensorOptions().dtype(at::kLong)).to(device);
}

SharedStreamRecorder make_recorder(const CausalLm& model, const std::vector<double>& alphas,
                                   const at::Tensor& kept_tokens) {
  return {{.layers = model.architecture.layers,
           .norm_precision = NormPrecision::kModel,
           .model_dtype = model.dtype(),
           .kept_tokens = kept_tokens,
           .keep_alive = {}},
          alphas};
}

// Logits of all kept rows after the last layer.
at::Tensor gather_last_states(const SharedStreamRecorder& recorder, std::int64_t rows) {
  std::vector<Readout> readouts;
  for (std::int64_t row = 0; row < rows; ++row) {
    readouts.push_back(recorder.find_readout(row, row, LacMode::kTrace, 0));
  }
  return recorder.gather_states(readouts);
}

// The caches must outlive the backend's passes.
PrefillAttention make_prefill(const PromptBatch& batch, std::vector<SequenceCache>& caches) {
  std::vector<PromptSpan> spans;
  std::int64_t first = 0;
  for (std::size_t i = 0; i < batch.lengths.size(); ++i) {
    spans.push_back({first, batch.lengths[i], &caches[i]});
    first += batch.lengths[i];
  }
  return PrefillAttention(std::move(spans));
}

// As the engine lays them out: in a pool where LibTorch's operators compute attention.
std::vector<SequenceCache> make_caches(const CausalLm& model, const std::vector<std::int64_t>& prompts,
                                       std::int64_t response) {
  const Architecture& shape = model.architecture;
  const CacheCapacity capacity{.prompt = *std::ranges::max_element(prompts), .response = response};
  std::shared_ptr<const CachePool> pool;
  if (!model.device().is_cpu()) {
    pool = std::make_shared<CachePool>(CachePoolShape{.layers = shape.layers,
                                                      .sequences = static_cast<std::int64_t>(prompts.size()),
                                                      .slots = 1,
                                                      .kv_heads = shape.kv_heads,
                                                      .head_dim = shape.head_dim,
                                                      .capacity = capacity},
                                       at::TensorOptions().device(model.device()).dtype(model.dtype()));
  }
  std::vector<SequenceCache> caches;
  for (const std::int64_t length : prompts) {
    const auto index = static_cast<std::int64_t>(caches.size());
    caches.push_back(pool ? SequenceCache(pool, shape.layers, index)
                          : SequenceCache(shape.layers, {.prompt = length, .response = response}));
  }
  return caches;
}

double count_layer_weights(const Architecture& shape) {
  const std::int64_t heads = 2 * shape.heads + 2 * shape.kv_heads;  // q and o, k and v
  const std::int64_t weights = shape.hidden * heads * shape.head_dim + 3 * shape.hidden * shape.intermediate;
  return static_cast<double>(weights) * static_cast<double>(shape.layers);
}

// Of attention's two products, for so many pairs of a token and one that it sees.
double count_attention_flops(const Architecture& shape, double pairs) {
  return 4.0 * pairs * static_cast<double>(shape.heads * shape.head_dim * shape.layers);
}

double count_head_flops(const Architecture& shape, std::int64_t rows) {
  return 2.0 * static_cast<double>(rows * shape.hidden) * static_cast<double>(shape.vocabulary);
}

}  // namespace

PromptBatch make_prompt_batch(const CausalLm& model, std::vector<std::int64_t> lengths) {
  std::vector<std::int64_t> tokens;
  std::vector<std::int64_t> positions;
  std::vector<std::int64_t> last;
  for (const std::int64_t length : lengths) {
    for (const TokenId token : draw_tokens(model.architecture.vocabulary, length, kTokenSeed + last.size())) {
      positions.push_back(static_cast<std::int64_t>(tokens.size()) - (last.empty() ? 0 : last.back() + 1));
      tokens.push_back(token.value());
    }
    last.push_back(static_cast<std::int64_t>(tokens.size()) - 1);
  }
  const at::Device device = model.device();
  return {std::move(lengths), to_tensor(tokens, device), to_tensor(positions, device),
          to_tensor(last, device)};
}

at::Tensor run_prompts_plain(const CausalLm& model, const PromptBatch& batch) {
  std::vector<SequenceCache> caches = make_caches(model, batch.lengths, /*response=*/0);
  PrefillAttention attention = make_prefill(batch, caches);
  StreamObserver nobody;
  const at::Tensor stream = model.run_layers(batch.token_ids, batch.positions, attention, nobody);
  return model.compute_logits(stream.index_select(0, batch.last_tokens));
}

at::Tensor run_prompts_recorded(const CausalLm& model, const PromptBatch& batch,
                                const std::vector<double>& alphas) {
  std::vector<SequenceCache> caches = make_caches(model, batch.lengths, /*response=*/0);
  PrefillAttention attention = make_prefill(batch, caches);
  SharedStreamRecorder recorder = make_recorder(model, alphas, batch.last_tokens);
  model.run_layers(batch.token_ids, batch.positions, attention, recorder);
  recorder.finish();
  return model.compute_logits(gather_last_states(recorder, batch.last_tokens.size(0)));
}

DecodeLoop::DecodeLoop(const CausalLm& model, std::int64_t rows, std::int64_t context, std::int64_t capacity)
    : model_(model),
      context_(context),
      caches_(
          make_caches(model, std::vector<std::int64_t>(static_cast<std::size_t>(rows), context), capacity)) {
  const Architecture& shape = model.architecture;
  const auto options = at::TensorOptions().dtype(at::kFloat).device(model.device());
  const at::Tensor random = at::randn({context, shape.kv_heads, shape.head_dim}, options).to(model.dtype());
  for (SequenceCache& cache : caches_) {
    for (std::int32_t layer = 0; layer < shape.layers; ++layer) {
      cache.write_prompt(LayerIndex(layer), 0, random, random);
    }
  }
  std::vector<std::int64_t> first;
  for (const TokenId token : draw_tokens(shape.vocabulary, rows, kTokenSeed)) first.push_back(token.value());
  tokens_ = to_tensor(first, at::kCPU);
}

void DecodeLoop::step(
    const std::function<at::Tensor(const at::Tensor&, const at::Tensor&, AttentionBackend&)>& run) {
  std::vector<BranchSpan> spans;
  for (std::size_t row = 0; row < caches_.size(); ++row) {
    spans.push_back({static_cast<std::int64_t>(row), {0}, &caches_[row]});
  }
  DecodeAttention attention(std::move(spans));
  const at::Tensor positions = at::full_like(tokens_, context_ + steps_).to(model_.device());
  const at::Tensor states = run(tokens_.to(model_.device()), positions, attention);
  tokens_ = HeadLogits(model_.head, model_.normalize(states)).find_largest().to(at::kCPU);
  for (SequenceCache& cache : caches_) cache.advance();
  ++steps_;
}

void DecodeLoop::step_plain() {
  step([&](const at::Tensor& tokens, const at::Tensor& positions, AttentionBackend& attention) {
    StreamObserver nobody;
    return model_.run_layers(tokens, positions, attention, nobody);
  });
}

void DecodeLoop::step_recorded(const std::vector<double>& alphas) {
  step([&](const at::Tensor& tokens, const at::Tensor& positions, AttentionBackend& attention) {
    SharedStreamRecorder recorder = make_recorder(model_, alphas, {});
    model_.run_layers(tokens, positions, attention, recorder);
    recorder.finish();
    return gather_last_states(recorder, tokens.size(0));
  });
}

double count_prompt_flops(const Architecture& shape, std::span<const std::int64_t> lengths) {
  double flops = count_head_flops(shape, static_cast<std::int64_t>(lengths.size()));
  for (const std::int64_t length : lengths) {
    const auto tokens = static_cast<double>(length);
    flops += 2.0 * tokens * count_layer_weights(shape);
    flops += count_attention_flops(shape, tokens * (tokens + 1) / 2);
  }
  return flops;
}

double count_decode_flops(const Architecture& shape, const DecodeLoad& load) {
  return 2.0 * static_cast<double>(load.rows) * count_layer_weights(shape) +
         count_head_flops(shape, load.rows) +
         count_attention_flops(shape, static_cast<double>(load.seen_tokens));
}

double count_cache_bytes(const Architecture& shape, const DecodeLoad& load, std::int64_t element_bytes) {
  return 2.0 * static_cast<double>(load.cached_tokens) *
         static_cast<double>(shape.layers * shape.kv_heads * shape.head_dim * element_bytes);
}

}  // namespace lacuna
