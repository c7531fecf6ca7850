// A safetensors file from anywhere: every tensor that the header names can be read to its last byte.
#include "tests/fuzz/fuzz_input.h"
#include "worker/checkpoint/safetensors_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lacuna;
  const auto path = testing::fuzz_folder().write("x.safetensors", testing::view_input(data, size));
  testing::allow_refusal([&] {
    const SafetensorsFile file(path);
    const std::span<const std::byte> mapped = file.mapping()->bytes();
    for (const auto& [name, tensor] : file.tensors()) {
      const std::span<const std::byte> bytes = tensor.bytes;
      if (bytes.empty()) continue;
      const bool inside =
          bytes.data() >= mapped.data() && bytes.data() + bytes.size() <= mapped.data() + mapped.size();
      testing::require(inside, "a tensor lies inside its file");
      for (const std::int64_t extent : tensor.shape) {
        testing::require(extent > 0, "a tensor with bytes has no empty dimension");
      }
    }
  });
  return 0;
}
