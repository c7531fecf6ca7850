#include "apps/demo_maker/training_sample.h"

#include <algorithm>

namespace lacuna {
namespace {

at::Tensor as_tensor(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::TensorOptions().dtype(at::kLong));
}

}  // namespace

SampleBatch make_batch(const std::vector<const TrainingSample*>& samples) {
  std::size_t length = 0;
  for (const TrainingSample* sample : samples) length = std::max(length, sample->ids.size());
  std::vector<std::int64_t> ids, positions, choosers, answers;
  for (const TrainingSample* sample : samples) {
    const std::size_t row = ids.size();
    for (std::size_t i = 0; i < length; ++i) {
      ids.push_back(i < sample->ids.size() ? sample->ids[i] : sample->ids.back());
      positions.push_back(static_cast<std::int64_t>(i));
      if (i + 1 < sample->answer_begin || i + 1 >= sample->ids.size()) continue;
      choosers.push_back(static_cast<std::int64_t>(row + i));
      answers.push_back(sample->ids[i + 1]);
    }
  }
  SampleBatch batch;
  batch.size = static_cast<std::int64_t>(samples.size());
  batch.length = static_cast<std::int64_t>(length);
  batch.ids = as_tensor(ids);
  batch.positions = as_tensor(positions);
  batch.choosers = as_tensor(choosers);
  batch.answers = as_tensor(answers);
  return batch;
}

}  // namespace lacuna
