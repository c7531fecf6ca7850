#include "worker/checkpoint/safetensors_writer.h"

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/error.h"

namespace lacuna {
namespace {

const char* name_dtype(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return "F32";
    case at::kHalf:
      return "F16";
    case at::kBFloat16:
      return "BF16";
    default:
      throw std::invalid_argument("write_safetensors: dtype is not float32, float16 or bfloat16");
  }
}

std::string write_header(const std::vector<std::pair<std::string, at::Tensor>>& tensors) {
  nlohmann::ordered_json header = {{"__metadata__", {{"format", "pt"}}}};
  std::size_t begin = 0;
  for (const auto& [name, tensor] : tensors) {
    if (header.contains(name)) throw std::invalid_argument("write_safetensors: " + name + " given twice");
    const std::size_t end = begin + static_cast<std::size_t>(tensor.nbytes());
    header[name] = {
        {"dtype", name_dtype(tensor)}, {"shape", tensor.sizes().vec()}, {"data_offsets", {begin, end}}};
    begin = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

}  // namespace

void write_safetensors(const std::filesystem::path& file,
                       const std::vector<std::pair<std::string, at::Tensor>>& tensors) {
  const std::string header = write_header(tensors);
  std::array<char, 8> length{};
  for (std::size_t i = 0; i < length.size(); ++i) {
    length[i] = static_cast<char>(static_cast<std::uint64_t>(header.size()) >> (8 * i) & 0xFFU);
  }
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  stream.write(length.data(), length.size());
  stream.write(header.data(), static_cast<std::streamsize>(header.size()));
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor data = tensor.detach().to(at::kCPU).contiguous();
    stream.write(static_cast<const char*>(data.data_ptr()), static_cast<std::streamsize>(data.nbytes()));
  }
  stream.close();
  if (!stream) {
    throw SystemError({.problem = "cannot write " + file.string(),
                       .suggestion = "check the permissions and the free space of that folder"});
  }
}

}  // namespace lacuna
