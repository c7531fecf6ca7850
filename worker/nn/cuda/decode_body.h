// Body of the kernel that attends branches (DecodeTask in tasks.h): block (x, y) serves row x and kv head y
// with its group of query heads, so that keys and values are read once for all of them. No score is ever in
// global memory: keys are taken in tiles, one key a thread, and what was summed so far is rescaled when a
// tile has a larger score (flash attention; Dao et al. 2022, Milakov and Gimelshein 2018).
#pragma once

#include <cmath>
#include <cstdint>

#include "worker/nn/cuda/block.h"
#include "worker/nn/cuda/packed.h"
#include "worker/nn/cuda/tasks.h"

namespace lacuna::cuda {

// Keys and values of one row's sequence and slot, for one kv head.
template <class T>
struct SequenceView {
  const T* prompt_keys = nullptr;  // [prompt_length, head_dim], as are the values
  const T* prompt_values = nullptr;
  const T* response_keys = nullptr;
  const T* response_values = nullptr;
  int prompt_length = 0;
  int head_dim = 0;

  [[nodiscard]] LACUNA_KERNEL_BODY const T* key(int position) const {
    return at(prompt_keys, response_keys, position);
  }
  [[nodiscard]] LACUNA_KERNEL_BODY const T* value(int position) const {
    return at(prompt_values, response_values, position);
  }
  [[nodiscard]] LACUNA_KERNEL_BODY const T* at(const T* prompt, const T* response, int position) const {
    const bool in_prompt = position < prompt_length;
    const std::int64_t row = in_prompt ? position : position - prompt_length;
    return (in_prompt ? prompt : response) + row * head_dim;
  }
};

// The body for groups of up to kGroup query heads. A block has at least kGroup threads, and one for every
// kValueVector elements of a head.
template <int kGroup, class T>
struct DecodeBody {
  static constexpr int kThreads = kGroup > 8 ? 128 : 256;  // 41 KiB of scratch at most
  static constexpr int kBlocks = kGroup > 4 ? 2 : 3;
  static constexpr int kKeyVector = kVectorOf<T>;
  static constexpr int kValueVector = 4;  // threads of a warp read neighbours
  static constexpr int kSharedVector = 4;

  // Queries and a tile's weights, later partial sums of values; then a few floats for each head.
  [[nodiscard]] int count_scratch(int threads) const {
    return kGroup * (count_large(task.head_dim, threads) + 2 + threads);
  }
  LACUNA_HOST_DEVICE static int count_large(int head_dim, int threads) {
    const int queries_and_weights = head_dim + threads;
    const int partial_sums = kValueVector * threads;
    return queries_and_weights > partial_sums ? queries_and_weights : partial_sums;
  }

  struct Scratch {
    float* queries;      // [kGroup, head_dim]
    float* weights;      // [threads, kGroup]: of a tile's keys
    float* partials;     // [parts, kGroup, head_dim], over both: what parts of the threads summed
    float* largest;      // [kGroup]: score so far
    float* corrections;  // [kGroup]: what the sums so far are multiplied by
    float* of_teams;     // [teams, kGroup]
  };

  template <KernelBlock Block>
  LACUNA_KERNEL_BODY void operator()(Block& block, std::int64_t row, int kv_head) const {
    const Scratch scratch = lay_out(block);
    const SequenceView<T> sequence = write_newest(block, row, kv_head);
    take_queries(block, row, kv_head, scratch.queries);
    if (block.thread() < kGroup) scratch.largest[block.thread()] = -INFINITY;
    block.synchronize();

    float sums[kGroup] = {};  // of the weights of this thread's keys
    float values[kGroup][kValueVector] = {};
    const int keys = sequence.prompt_length + static_cast<int>(task.response_length) + 1;
    const int hidden = task.window > 0 && task.window < keys ? keys - static_cast<int>(task.window) : 0;
    for (int first = hidden; first < keys; first += block.threads()) {
      const int count = keys - first < block.threads() ? keys - first : block.threads();
      weigh_keys(block, sequence, first, count, scratch, sums);
      add_values(block, sequence, first, count, scratch, values);
      block.synchronize();
    }
    write_output(block, row, kv_head, scratch, sums, values);
  }

  template <KernelBlock Block>
  LACUNA_KERNEL_BODY Scratch lay_out(Block& block) const {
    float* const large = block.shared();
    float* const small = large + kGroup * count_large(task.head_dim, block.threads());
    return {.queries = large,
            .weights = large + kGroup * task.head_dim,
            .partials = large,
            .largest = small,
            .corrections = small + kGroup,
            .of_teams = small + kGroup + kGroup};
  }

  // Writes the row's own key and value to the pool. They are read from there after the next synchronize().
  template <KernelBlock Block>
  LACUNA_KERNEL_BODY SequenceView<T> write_newest(const Block& block, std::int64_t row, int kv_head) const {
    const std::int64_t cell = task.cells[row];
    const std::int64_t index = cell % task.sequences;
    const std::int64_t prompt = (index * task.kv_heads + kv_head) * task.prompt_capacity * task.head_dim;
    const std::int64_t response = (cell * task.kv_heads + kv_head) * task.response_capacity * task.head_dim;
    const std::int64_t newest = response + task.response_length * task.head_dim;
    const T* const k = task.k + row * task.k_stride + kv_head * task.head_dim;
    const T* const v = task.v + row * task.v_stride + kv_head * task.head_dim;
    for (int i = block.thread() * kKeyVector; i < task.head_dim; i += block.threads() * kKeyVector) {
      store_packed(task.response_keys + newest + i, load_packed<kKeyVector>(k + i));
      store_packed(task.response_values + newest + i, load_packed<kKeyVector>(v + i));
    }
    return {.prompt_keys = task.prompt_keys + prompt,
            .prompt_values = task.prompt_values + prompt,
            .response_keys = task.response_keys + response,
            .response_values = task.response_values + response,
            .prompt_length = static_cast<int>(task.prompt_lengths[index]),
            .head_dim = task.head_dim};
  }

  // Zeros where the group is smaller than kGroup.
  template <KernelBlock Block>
  LACUNA_KERNEL_BODY void take_queries(const Block& block, std::int64_t row, int kv_head,
                                       float* queries) const {
    const int present = task.group * task.head_dim;
    const T* const q = task.q + row * task.q_stride + static_cast<std::int64_t>(kv_head) * present;
    for (int i = block.thread() * kKeyVector; i < kGroup * task.head_dim; i += block.threads() * kKeyVector) {
      Packed<T, kKeyVector> elements = {};
      if (i < present) elements = load_packed<kKeyVector>(q + i);
      LACUNA_UNROLL
      for (int e = 0; e < kKeyVector; ++e) queries[i + e] = widen(elements.elements[e]);
    }
  }

  // Scores of one key, for all heads.
  LACUNA_KERNEL_BODY void score_key(const T* key, const float* queries, float (&scores)[kGroup]) const {
    LACUNA_UNROLL_BY(2)  // so many reads under way; more would take registers from other blocks
    for (int i = 0; i < task.head_dim; i += kKeyVector) {
      const auto elements = load_packed<kKeyVector>(key + i);
      LACUNA_UNROLL
      for (int head = 0; head < kGroup; ++head) {
        LACUNA_UNROLL
        for (int part = 0; part < kKeyVector; part += kSharedVector) {
          const auto query = load_packed<kSharedVector>(queries + head * task.head_dim + i + part);
          LACUNA_UNROLL
          for (int e = 0; e < kSharedVector; ++e)
            scores[head] += query.elements[e] * widen(elements.elements[part + e]);
        }
      }
    }
  }

  // Weights of a tile's keys, first, first + 1, ..., relative to the largest score so far, into scratch.
  template <KernelBlock Block>
  LACUNA_KERNEL_BODY void weigh_keys(Block& block, const SequenceView<T>& sequence, int first, int count,
                                     const Scratch& scratch, float (&sums)[kGroup]) const {
    const int thread = block.thread();
    float scores[kGroup] = {};
    if (thread < count) score_key(sequence.key(first + thread), scratch.queries, scores);
    LACUNA_UNROLL
    for (int head = 0; head < kGroup; ++head) {
      scores[head] = thread < count ? scores[head] * task.scale : -INFINITY;
      const float largest = block.find_largest_of_team(scores[head]);
      if (thread % Block::kTeam == 0) scratch.of_teams[thread / Block::kTeam * kGroup + head] = largest;
    }
    block.synchronize();
    if (thread < kGroup) {
      const float before = scratch.largest[thread];
      float largest = before;
      for (int team = 0; team < block.threads() / Block::kTeam; ++team)
        largest = fmaxf(largest, scratch.of_teams[team * kGroup + thread]);
      scratch.largest[thread] = largest;
      scratch.corrections[thread] = expf(before - largest);
    }
    block.synchronize();
    LACUNA_UNROLL
    for (int head = 0; head < kGroup; ++head) {
      const float weight = expf(scores[head] - scratch.largest[head]);
      sums[head] = sums[head] * scratch.corrections[head] + weight;
      scratch.weights[thread * kGroup + head] = weight;
    }
    block.synchronize();
  }

  // Threads of one part take every parts-th key of the tile, each a few elements of it.
  template <KernelBlock Block>
  LACUNA_KERNEL_BODY void add_values(const Block& block, const SequenceView<T>& sequence, int first,
                                     int count, const Scratch& scratch,
                                     float (&values)[kGroup][kValueVector]) const {
    LACUNA_UNROLL
    for (int head = 0; head < kGroup; ++head) {
      LACUNA_UNROLL
      for (int e = 0; e < kValueVector; ++e) values[head][e] *= scratch.corrections[head];
    }
    const int lanes = task.head_dim / kValueVector;
    const int parts = block.threads() / lanes;
    const int part = block.thread() / lanes;
    const int element = block.thread() % lanes * kValueVector;
    if (part >= parts) return;
    LACUNA_UNROLL_BY(4)  // so many reads under way
    for (int key = part; key < count; key += parts) {
      const auto elements = load_packed<kValueVector>(sequence.value(first + key) + element);
      LACUNA_UNROLL
      for (int head = 0; head < kGroup; ++head) {
        const float weight = scratch.weights[key * kGroup + head];
        LACUNA_UNROLL
        for (int e = 0; e < kValueVector; ++e) values[head][e] += weight * widen(elements.elements[e]);
      }
    }
  }

  // The parts' sums together, divided by the sum of all weights.
  template <KernelBlock Block>
  LACUNA_KERNEL_BODY void write_output(Block& block, std::int64_t row, int kv_head, const Scratch& scratch,
                                       const float (&sums)[kGroup],
                                       const float (&values)[kGroup][kValueVector]) const {
    const int thread = block.thread();
    const int lanes = task.head_dim / kValueVector;
    const int parts = block.threads() / lanes;
    LACUNA_UNROLL
    for (int head = 0; head < kGroup; ++head) {
      const float sum = block.add_over_team(sums[head]);
      if (thread % Block::kTeam == 0) scratch.of_teams[thread / Block::kTeam * kGroup + head] = sum;
      if (thread / lanes >= parts) continue;
      Packed<float, kValueVector> own;
      LACUNA_UNROLL
      for (int e = 0; e < kValueVector; ++e) own.elements[e] = values[head][e];
      const int place = (thread / lanes * kGroup + head) * task.head_dim + thread % lanes * kValueVector;
      store_packed(scratch.partials + place, own);
    }
    block.synchronize();
    const int elements = task.group * task.head_dim;
    T* const output = task.output + (row * task.kv_heads + kv_head) * elements;
    for (int i = thread; i < elements; i += block.threads()) {
      float sum = 0;
      for (int team = 0; team < block.threads() / Block::kTeam; ++team)
        sum += scratch.of_teams[team * kGroup + i / task.head_dim];
      float value = 0;
      for (int part = 0; part < parts; ++part) value += scratch.partials[part * kGroup * task.head_dim + i];
      output[i] = narrow_to<T>(value / sum);
    }
  }

  DecodeTask<T> task;
};

}  // namespace lacuna::cuda
