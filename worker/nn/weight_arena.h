// Memory for a model's weights on the CPU: large pages, every tensor on a cache line of its own.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>

namespace lacuna {

// Decoding reads every weight once a token, so address translation is part of its speed: measured, 14 GB/s of
// a core on large pages (2 MiB) against 9 GB/s on the 4 KiB pages of a mapped file or of plain allocation.
class WeightArena {
 public:
  // Uninitialised, contiguous; keeps the arena's memory for as long as it lives. Throws SystemError if there
  // is no memory.
  at::Tensor allocate(at::IntArrayRef shape, at::ScalarType dtype);

  // A copy of `tensor` in `dtype`.
  at::Tensor copy(const at::Tensor& tensor, at::ScalarType dtype);

 private:
  // Where the next tensor goes; full chunks live on in their tensors.
  struct Chunk;
  std::shared_ptr<Chunk> chunk_;
};

}  // namespace lacuna
