// Prefill and decode, by our kernels and by LibTorch's operators, against the dense differentiable attention,
// which is a few lines of textbook formula.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "tests/worker/test_device.h"
#include "worker/nn/compute_threads.h"
#include "worker/nn/decode_attention.h"
#include "worker/nn/dense_causal_attention.h"
#include "worker/nn/prefill_attention.h"

namespace lacuna::testing {
namespace {

constexpr std::int64_t kHeads = 4;
constexpr std::int64_t kKvHeads = 2;
constexpr std::int64_t kHeadDim = 8;
const LayerIndex kLayer(0);

struct Inputs {
  at::Tensor q, k, v;
  explicit Inputs(std::int64_t tokens, at::ScalarType dtype = at::kFloat) {
    auto generator = at::detail::createCPUGenerator(9);
    const auto draw = [&](std::int64_t heads) {
      return at::randn({tokens, heads, kHeadDim}, generator, at::TensorOptions()).to(test_device(), dtype);
    };
    q = draw(kHeads);
    k = draw(kKvHeads);
    v = draw(kKvHeads);
  }
  Inputs(const Inputs& all, std::int64_t first, std::int64_t count)
      : q(all.q.narrow(0, first, count).contiguous()),
        k(all.k.narrow(0, first, count).contiguous()),
        v(all.v.narrow(0, first, count).contiguous()) {}

  at::Tensor attend(AttentionBackend& backend, std::int64_t window) const {
    return backend.attend(kLayer, q, k, v, window);
  }
  [[nodiscard]] at::Tensor attend_dense(std::int64_t window) const {
    DenseCausalAttention dense(1, q.size(0));
    return attend(dense, window);
  }
};

bool are_close(const at::Tensor& ours, const at::Tensor& expected) {
  // bfloat16: some roundings of weights and sums of values about 1.
  const bool wide = ours.scalar_type() == at::kFloat;
  return at::allclose(ours.to(at::kFloat), expected.to(at::kFloat), wide ? 1e-4 : 3e-2, wide ? 1e-5 : 3e-2);
}

// Softmax attention of one query head at one position, in plain loops.
at::Tensor attend_by_hand(const Inputs& in, std::int64_t position, std::int64_t head, std::int64_t window) {
  const std::int64_t kv_head = head / (kHeads / kKvHeads);
  const std::int64_t first = window > 0 ? std::max<std::int64_t>(0, position - window + 1) : 0;
  std::vector<at::Tensor> weights, values;
  for (std::int64_t key = first; key <= position; ++key) {
    weights.push_back((in.q[position][head] * in.k[key][kv_head]).sum().to(at::kDouble) /
                      std::sqrt(static_cast<double>(kHeadDim)));
    values.push_back(in.v[key][kv_head].to(at::kDouble));
  }
  return (at::softmax(at::stack(weights), 0).unsqueeze(1) * at::stack(values)).sum(0).to(at::kFloat);
}

TEST(DenseCausalAttention, IsItsFormula) {
  const at::NoGradGuard no_grad;
  const Inputs in(40);
  for (const std::int64_t window : {0, 1, 7, 36, 100}) {
    const at::Tensor dense = in.attend_dense(window);
    for (const std::int64_t position : {0, 5, 32, 39}) {
      for (std::int64_t head = 0; head < kHeads; ++head) {
        EXPECT_TRUE(are_close(dense[position].view({kHeads, kHeadDim})[head],
                              attend_by_hand(in, position, head, window)));
      }
    }
  }
}

std::vector<SequenceCache> make_pooled_caches(const std::vector<std::int64_t>& prompts, std::int64_t response,
                                              std::int64_t slots, at::ScalarType dtype) {
  const auto pool = std::make_shared<CachePool>(
      CachePoolShape{.layers = 1,
                     .sequences = static_cast<std::int64_t>(prompts.size()),
                     .slots = slots,
                     .kv_heads = kKvHeads,
                     .head_dim = kHeadDim,
                     .capacity = {.prompt = *std::ranges::max_element(prompts), .response = response}},
      at::TensorOptions().device(test_device()).dtype(dtype));
  std::vector<SequenceCache> caches;
  for (std::int64_t index = 0; index < pool->sequences(); ++index) caches.emplace_back(pool, 1, index);
  return caches;
}

struct Case {
  std::int64_t window;
  at::ScalarType dtype;
  AttentionPath path;
  bool is_pooled = false;  // caches of one pool
};

class AttentionOf : public ::testing::TestWithParam<Case> {
 protected:
  AttentionOf() { set_compute_threads(2); }

  // A cache for each prompt, with room for `slots` branches of `response` tokens.
  static std::vector<SequenceCache> make_caches(const std::vector<std::int64_t>& prompts,
                                                std::int64_t response = 0, std::int64_t slots = 1) {
    if (GetParam().is_pooled) return make_pooled_caches(prompts, response, slots, GetParam().dtype);
    std::vector<SequenceCache> caches;
    for (const std::int64_t prompt : prompts) {
      caches.emplace_back(1, CacheCapacity{.prompt = prompt, .response = response});
    }
    return caches;
  }

  const at::NoGradGuard no_grad_;
  const std::int64_t window_ = GetParam().window;
};

TEST_P(AttentionOf, DecodingContinuesThePrompt) {
  constexpr std::int64_t kTokens = 40;
  constexpr std::int64_t kPrompt = 33;
  const Inputs in(kTokens, GetParam().dtype);
  const at::Tensor dense = in.attend_dense(window_);
  std::vector<SequenceCache> caches = make_caches({kPrompt}, kTokens - kPrompt, /*slots=*/2);
  SequenceCache& cache = caches.front();
  PrefillAttention prefill({{0, kPrompt, &cache}}, GetParam().path);
  EXPECT_TRUE(are_close(Inputs(in, 0, kPrompt).attend(prefill, window_), dense.narrow(0, 0, kPrompt)));
  for (std::int64_t position = kPrompt; position < kTokens; ++position) {
    // The same token in two branches, the second in a slot out of order.
    DecodeAttention decode({{0, {1, 0}, &cache}}, GetParam().path);
    const auto twice = [&](const at::Tensor& tensor) {
      return tensor.narrow(0, position, 1).repeat({2, 1, 1});
    };
    const at::Tensor rows = decode.attend(kLayer, twice(in.q), twice(in.k), twice(in.v), window_);
    EXPECT_TRUE(are_close(rows[0], dense[position]));
    EXPECT_TRUE(at::equal(rows[0], rows[1]));
    cache.advance();
  }
}

// Branches that hold different responses, in slots out of order and behind a gap, of two prompts that are not
// equally long: each row is the last of its own sequence.
TEST_P(AttentionOf, BranchesOfSeveralPromptsKeepApart) {
  constexpr std::int64_t kSteps = 3;
  const std::vector<std::int64_t> prompts = {37, 5};
  const std::vector<std::vector<std::int64_t>> slots = {{3, 0, 1}, {0, 1}};
  const Inputs pool(80, GetParam().dtype);
  std::vector<SequenceCache> caches = make_caches(prompts, kSteps, /*slots=*/4);
  std::vector<BranchSpan> spans;
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    PrefillAttention prefill({{0, prompts[i], &caches[i]}}, GetParam().path);
    Inputs(pool, 0, prompts[i]).attend(prefill, window_);
  }
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    spans.push_back({rows, slots[i], &caches[i]});
    rows += static_cast<std::int64_t>(slots[i].size());
  }
  for (std::int64_t step = 0; step < kSteps; ++step) {
    DecodeAttention decode(spans, GetParam().path);
    // Row r is fed token 40 + 8 step + r of the pool.
    const std::int64_t first = 40 + 8 * step;
    const at::Tensor output = Inputs(pool, first, rows).attend(decode, window_);
    for (const BranchSpan& span : spans) {
      const std::size_t prompt = span.first_row == 0 ? 0 : 1;
      for (std::size_t branch = 0; branch < span.slots.size(); ++branch) {
        const std::int64_t row = span.first_row + static_cast<std::int64_t>(branch);
        Inputs own(pool, 0, prompts[prompt]);
        for (std::int64_t past = 0; past <= step; ++past) {
          const Inputs fed(pool, 40 + 8 * past + row, 1);
          own.q = at::cat({own.q, fed.q});
          own.k = at::cat({own.k, fed.k});
          own.v = at::cat({own.v, fed.v});
        }
        EXPECT_TRUE(are_close(output[row], own.attend_dense(window_)[-1]))
            << "row " << row << " step " << step;
      }
    }
    for (SequenceCache& cache : caches) cache.advance();
  }
}

TEST_P(AttentionOf, PackedLongPromptsInBlocks) {
  constexpr std::int64_t kFirst = 140;
  constexpr std::int64_t kSecond = 270;
  const Inputs in(kFirst + kSecond, GetParam().dtype);
  std::vector<SequenceCache> caches = make_caches({kFirst, kSecond});
  PrefillAttention packed({{0, kFirst, &caches[0]}, {kFirst, kSecond, &caches[1]}}, GetParam().path);
  const at::Tensor both = in.attend(packed, window_);
  EXPECT_TRUE(are_close(both.narrow(0, 0, kFirst), Inputs(in, 0, kFirst).attend_dense(window_)));
  EXPECT_TRUE(are_close(both.narrow(0, kFirst, kSecond), Inputs(in, kFirst, kSecond).attend_dense(window_)));
}

// A chunk's queries see the whole of what came before: they are aligned with the end of the keys.
TEST_P(AttentionOf, ChunksOfAPromptEqualTheWhole) {
  constexpr std::int64_t kTokens = 200;
  const Inputs in(kTokens, GetParam().dtype);
  const at::Tensor dense = in.attend_dense(window_);
  std::vector<SequenceCache> caches = make_caches({kTokens});
  SequenceCache& cache = caches.front();
  std::int64_t begin = 0;
  for (const std::int64_t count : {70, 1, 129}) {
    PrefillAttention chunk({{0, count, &cache, begin}}, GetParam().path);
    EXPECT_TRUE(are_close(Inputs(in, begin, count).attend(chunk, window_), dense.narrow(0, begin, count)))
        << "chunk at " << begin;
    begin += count;
  }
}

std::vector<Case> list_cases() {
  std::vector<Case> cases;
  for (const AttentionPath path : {AttentionPath::kFastest, AttentionPath::kOperators}) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      for (const std::int64_t window : {0, 1, 36, 100, 1000}) {
        // Where the CPU has no bfloat16 arithmetic, operators on it are slow.
        if (dtype != at::kFloat && window != 0 && window != 36) continue;
        cases.push_back({window, dtype, path});
        if (path == AttentionPath::kOperators) cases.push_back({window, dtype, path, /*is_pooled=*/true});
      }
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Cases, AttentionOf, ::testing::ValuesIn(list_cases()), [](const auto& info) {
  const bool is_fastest = info.param.path == AttentionPath::kFastest;
  return std::string(is_fastest             ? "Fastest"
                     : info.param.is_pooled ? "Pooled"
                                            : "Operators") +
         at::toString(info.param.dtype) + "Window" + std::to_string(info.param.window);
});

// Operators of LibTorch called by `work` on this thread, views included.
std::int64_t count_operators(const std::function<void()>& work) {
  static std::int64_t calls = 0;
  calls = 0;
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction&) -> std::unique_ptr<at::ObserverContext> {
        ++calls;
        return nullptr;
      }).scopes({at::RecordScope::FUNCTION}));
  work();
  at::removeCallback(handle);
  return calls;
}

// What the pool is for: on a GPU every call of an operator costs as much, however little it does.
TEST(PooledAttention, CallsAsManyOperatorsForManySequencesAsForFew) {
  const at::NoGradGuard no_grad;
  const auto count = [](std::int64_t sequences) {
    constexpr std::int64_t kPrompt = 6;
    std::vector<SequenceCache> caches = make_pooled_caches(
        std::vector<std::int64_t>(static_cast<std::size_t>(sequences), kPrompt), 1, 2, at::kFloat);
    std::vector<PromptSpan> prompts;
    std::vector<BranchSpan> branches;
    for (std::int64_t i = 0; i < sequences; ++i) {
      SequenceCache* const cache = &caches[static_cast<std::size_t>(i)];
      prompts.push_back({i * kPrompt, kPrompt, cache});
      branches.push_back({2 * i, {0, 1}, cache});
    }
    PrefillAttention prefill(std::move(prompts), AttentionPath::kOperators);
    DecodeAttention decode(std::move(branches), AttentionPath::kOperators);
    const Inputs prompt_rows(sequences * kPrompt);
    const Inputs branch_rows(sequences * 2);
    return std::pair{count_operators([&] { prompt_rows.attend(prefill, 0); }),
                     count_operators([&] { branch_rows.attend(decode, 0); })};
  };
  const auto few = count(2);
  EXPECT_GT(few.first, 0);
  EXPECT_GT(few.second, 0);
  EXPECT_EQ(count(20), few);
}

}  // namespace
}  // namespace lacuna::testing
