#include "worker/nn/weight_arena.h"

#include <c10/util/accumulate.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>

#include "core/error.h"

namespace lacuna {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kLargePage = std::size_t{2} << 20U;
constexpr std::size_t kChunkBytes = std::size_t{256} << 20U;

std::size_t round_up(std::size_t bytes, std::size_t step) {
  return (bytes + step - 1) / step * step;
}

}  // namespace

struct WeightArena::Chunk {
  // `bytes`: a multiple of a large page.
  explicit Chunk(std::size_t bytes) : size(bytes), mapped(bytes + kLargePage) {
    base = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
      throw SystemError({.problem = fmt::format("no memory for {} bytes of weights", bytes)});
    }
    const auto address = reinterpret_cast<std::uintptr_t>(base);
    begin = static_cast<char*>(base) + (round_up(address, kLargePage) - address);
    // A wish; where the system has no large pages, small ones serve.
    madvise(begin, size, MADV_HUGEPAGE);
  }
  ~Chunk() { munmap(base, mapped); }
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  void* base = nullptr;
  char* begin = nullptr;
  std::size_t size;
  std::size_t mapped;
  std::size_t used = 0;
};

at::Tensor WeightArena::allocate(at::IntArrayRef shape, at::ScalarType dtype) {
  const auto elements = static_cast<std::size_t>(c10::multiply_integers(shape));
  const std::size_t bytes = round_up(elements * c10::elementSize(dtype), kCacheLine);
  if (!chunk_ || chunk_->size - chunk_->used < bytes) {
    chunk_ = std::make_shared<Chunk>(std::max(kChunkBytes, round_up(bytes, kLargePage)));
  }
  void* const data = chunk_->begin + chunk_->used;
  chunk_->used += bytes;
  return at::from_blob(
      data, shape, [chunk = chunk_](void*) {}, at::TensorOptions().dtype(dtype));
}

at::Tensor WeightArena::copy(const at::Tensor& tensor, at::ScalarType dtype) {
  at::Tensor copied = allocate(tensor.sizes(), dtype);
  copied.copy_(tensor);
  return copied;
}

}  // namespace lacuna
