// A question and its right answer as token ids, and batches of them.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace lacuna {

// A prompt and the right answer as one sequence of ids.
struct TrainingSample {
  std::vector<std::int64_t> ids;  // prompt, answer, stop token
  std::size_t answer_begin = 0;   // position of the first answer token
  std::size_t level = 0;          // of difficulty: when in training it first appears
  std::size_t kind = 0;           // benchmark of the question, for reports
};

// Samples of unequal length side by side; padding comes last and, attention being causal, is seen by nobody.
struct SampleBatch {
  std::int64_t size = 0;
  std::int64_t length = 0;
  at::Tensor ids;        // [size * length] int64, sample after sample
  at::Tensor positions;  // [size * length] int64
  at::Tensor choosers;   // rows of `ids` whose next token is part of an answer, in the order of the samples
  at::Tensor answers;    // those next tokens
};

SampleBatch make_batch(const std::vector<const TrainingSample*>& samples);

}  // namespace lacuna
