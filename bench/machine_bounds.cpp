#include "bench/machine_bounds.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <span>

#include "bench/stopwatch.h"
#include "core/error.h"
#include "worker/nn/compute_threads.h"

namespace lacuna {
namespace {

// Compiled for several instruction sets, the best one is chosen when the program starts.
#if defined(__x86_64__)
#define LACUNA_FOR_WIDE_VECTORS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define LACUNA_FOR_WIDE_VECTORS
#endif

constexpr std::size_t kAccumulators =
    64;  // words; eight registers of 512 bits: loads do not wait for each other
constexpr std::size_t kPrefetchWords = 128;  // how far ahead the next lines are asked for
constexpr std::size_t kWordsPerLine = 8;

// Reads `streams` runs of `count` words that follow each other, by turns: one core keeps more of the memory
// busy when it reads at several places. The result only keeps the compiler from leaving the reading out.
// `count` is a multiple of kAccumulators.
LACUNA_FOR_WIDE_VECTORS std::uint64_t combine_words(const std::uint64_t* words, std::size_t streams,
                                                    std::size_t count) {
  std::array<std::uint64_t, kAccumulators> sums{};
  for (std::size_t i = 0; i < count; i += kAccumulators) {
    for (std::size_t stream = 0; stream < streams; ++stream) {
      const std::uint64_t* const block = words + stream * count + i;
      for (std::size_t line = 0; line < kAccumulators; line += kWordsPerLine) {
        __builtin_prefetch(block + kPrefetchWords + line);
      }
      for (std::size_t lane = 0; lane < kAccumulators; ++lane) sums[lane] ^= block[lane];
    }
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t lane : sums) sum ^= lane;
  return sum;
}

// Anonymous memory on huge pages where the system has them: the bound must not suffer from address
// translation.
class ReadBuffer {
 public:
  explicit ReadBuffer(std::size_t bytes) : bytes_(bytes) {
    data_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data_ == MAP_FAILED) {
      throw SystemError({.problem = fmt::format("no memory for a buffer of {} bytes", bytes)});
    }
    madvise(data_, bytes, MADV_HUGEPAGE);
  }
  ~ReadBuffer() { munmap(data_, bytes_); }
  ReadBuffer(const ReadBuffer&) = delete;
  ReadBuffer& operator=(const ReadBuffer&) = delete;
  [[nodiscard]] std::span<std::uint64_t> words() {
    return {static_cast<std::uint64_t*>(data_), bytes_ / sizeof(std::uint64_t)};
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_;
};

double measure_cpu_reading(std::int64_t bytes, std::int64_t threads) {
  constexpr std::size_t kMostStreams = 8;
  // A contiguous share for each thread, of a size that all numbers of streams divide.
  const auto share = static_cast<std::size_t>(bytes / threads) / (kMostStreams * kAccumulators * 8) *
                     (kMostStreams * kAccumulators);
  ReadBuffer buffer(share * static_cast<std::size_t>(threads) * sizeof(std::uint64_t));
  const std::span<std::uint64_t> words = buffer.words();
  const auto for_each_share = [&](const std::function<void(std::span<std::uint64_t>)>& work) {
    run_tiles(at::kCPU, threads, bytes,
              [&](std::int64_t tile) { work(words.subspan(static_cast<std::size_t>(tile) * share, share)); });
  };
  for_each_share([](std::span<std::uint64_t> part) { std::fill(part.begin(), part.end(), 0x5555U); });
  std::atomic<std::uint64_t> sink{0};
  Timings timings;
  for (const std::size_t streams : {std::size_t{4}, std::size_t{1}, kMostStreams, std::size_t{4}}) {
    timings.seconds.push_back(time_once(at::kCPU, [&] {
      for_each_share([&](std::span<std::uint64_t> part) {
        sink ^= combine_words(part.data(), streams, part.size() / streams);
      });
    }));
  }
  return static_cast<double>(words.size_bytes()) / timings.best();
}

// The faster of summing up (reads only) and copying (reads and writes, both counted).
double measure_device_reading(const at::Device& device, std::int64_t bytes) {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  const at::Tensor source = at::ones({bytes / 4}, options);
  at::Tensor target = at::empty_like(source);
  double best = 0;
  for (std::int64_t i = 0; i < 4; ++i) {  // the first one warms up
    const double sum_seconds = time_once(device, [&] { static_cast<void>(at::sum(source)); });
    const double copy_seconds = time_once(device, [&] { target.copy_(source); });
    const auto size = static_cast<double>(bytes);
    best = std::max({best, size / sum_seconds, 2 * size / copy_seconds});
  }
  return best;
}

struct MatrixShape {
  std::int64_t tokens = 0, in = 0, out = 0;
};

// at::linear as it is, and cut by columns into one product for each thread: LibTorch's BLAS is held to one
// thread (worker/nn/compute_threads.h), oneDNN is not.
double time_product(const at::Tensor& x, const at::Tensor& weight, std::int64_t threads) {
  const double whole = time_once(x.device(), [&] { static_cast<void>(at::linear(x, weight)); });
  if (!x.device().is_cpu()) return whole;
  const std::int64_t columns = weight.size(0) / threads;
  const double in_tiles = time_once(x.device(), [&] {
    run_tiles(x.device(), threads, x.size(0) * weight.numel(), [&](std::int64_t tile) {
      static_cast<void>(at::linear(x, weight.narrow(0, tile * columns, columns)));
    });
  });
  // Where the columns cannot be shared out evenly the tiles did a little less work.
  const double share = static_cast<double>(columns * threads) / static_cast<double>(weight.size(0));
  return std::min(whole, in_tiles / share);
}

void measure_products(const at::Device& device, at::ScalarType dtype, std::int64_t threads,
                      MachineBounds& bounds) {
  std::vector<MatrixShape> shapes = {
      {128, 2048, 8192}, {512, 896, 4864}, {512, 4864, 896}, {2048, 2048, 2048}};
  if (!device.is_cpu()) shapes = {{8192, 8192, 8192}, {4096, 3584, 18944}, {4096, 18944, 3584}};
  for (const MatrixShape& shape : shapes) {
    const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
    // Random values: some accelerators draw less power, and clock higher, on zeros.
    const at::Tensor x = at::randn({shape.tokens, shape.in}, options).to(dtype);
    const at::Tensor weight = at::randn({shape.out, shape.in}, options).to(dtype);
    for (std::int64_t i = 0; i < 3; ++i) {
      const double seconds = time_product(x, weight, threads);
      const double rate =
          2.0 * static_cast<double>(shape.tokens) * static_cast<double>(weight.numel()) / seconds;
      if (rate <= bounds.flops_per_second) continue;
      bounds.flops_per_second = rate;
      bounds.matrix_shape = fmt::format("{} x {} x {}", shape.tokens, shape.in, shape.out);
    }
  }
}

}  // namespace

BoundMeter::BoundMeter(const at::Device& device, at::ScalarType dtype, std::int64_t weight_bytes,
                       std::int64_t threads)
    : device_(device), dtype_(dtype), threads_(threads) {
  constexpr std::int64_t kMostBytes = std::int64_t{1} << 30U;
  constexpr std::int64_t kLeastBytes = std::int64_t{1} << 20U;
  bytes_ = std::clamp(weight_bytes, kLeastBytes, kMostBytes);
}

void BoundMeter::sample() {
  const double reading =
      device_.is_cpu() ? measure_cpu_reading(bytes_, threads_) : measure_device_reading(device_, bytes_);
  best_.read_bytes_per_second = std::max(best_.read_bytes_per_second, reading);
  measure_products(device_, dtype_, threads_, best_);
}

}  // namespace lacuna
