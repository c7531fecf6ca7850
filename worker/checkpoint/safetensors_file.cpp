#include "worker/checkpoint/safetensors_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"

namespace lacuna {
namespace {

// The limit of the format's own library.
constexpr std::uint64_t kMaximumHeaderBytes = 100'000'000;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& problem,
                         const std::string& why) {
  throw InputError(
      {.problem = problem, .why = why, .suggestion = "the file is damaged or cut off: download it again"},
      SourceLocation{path});
}

std::int64_t element_bytes(const std::string& dtype) {
  static const std::map<std::string, std::int64_t> sizes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"U16", 2}, {"I16", 2}, {"F16", 2},
      {"BF16", 2}, {"U32", 4}, {"I32", 4}, {"F32", 4},     {"U64", 8},     {"I64", 8}, {"F64", 8}};
  const auto found = sizes.find(dtype);
  return found == sizes.end() ? 0 : found->second;
}

// Bytes of a tensor of that shape, none if a dimension is negative or the product overflows.
std::optional<std::uint64_t> tensor_bytes(const std::vector<std::int64_t>& shape, std::int64_t element_size) {
  auto bytes = static_cast<std::uint64_t>(element_size);
  for (const std::int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes)) {
      return std::nullopt;
    }
  }
  return bytes;
}

std::optional<std::vector<std::int64_t>> read_integers(const nlohmann::json& entry, const char* key) {
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_array()) return std::nullopt;
  std::vector<std::int64_t> values;
  for (const nlohmann::json& element : *found) {
    const bool fits = element.is_number_unsigned() && element.get<std::uint64_t>() <= INT64_MAX;
    if (!fits) return std::nullopt;
    values.push_back(element.get<std::int64_t>());
  }
  return values;
}

StoredTensor read_entry(const std::filesystem::path& path, const std::string& name,
                        const nlohmann::json& entry, std::span<const std::byte> data) {
  const std::string what = fmt::format("tensor '{}'", name);
  if (!entry.is_object()) refuse(path, what, "its header entry is not an object");
  StoredTensor tensor;
  const auto dtype = entry.find("dtype");
  if (dtype == entry.end() || !dtype->is_string()) refuse(path, what, "its header entry has no dtype");
  tensor.dtype = dtype->get<std::string>();
  const std::int64_t element_size = element_bytes(tensor.dtype);
  if (element_size == 0) refuse(path, what, fmt::format("unknown dtype '{}'", tensor.dtype));
  const auto shape = read_integers(entry, "shape");
  const auto offsets = read_integers(entry, "data_offsets");
  if (!shape) refuse(path, what, "its shape is not a list of non-negative integers");
  if (!offsets || offsets->size() != 2) refuse(path, what, "its data_offsets are not two integers");
  tensor.shape = *shape;
  const auto begin = static_cast<std::uint64_t>((*offsets)[0]);
  const auto end = static_cast<std::uint64_t>((*offsets)[1]);
  if (begin > end || end > data.size()) {
    refuse(
        path, what,
        fmt::format("its data is bytes {}..{}, but the file has {} bytes of data", begin, end, data.size()));
  }
  const auto bytes = tensor_bytes(tensor.shape, element_size);
  if (!bytes || *bytes != end - begin) {
    refuse(path, what,
           fmt::format("{} bytes of data do not fit shape [{}] of {}", end - begin,
                       fmt::join(tensor.shape, ", "), tensor.dtype));
  }
  tensor.bytes = data.subspan(begin, end - begin);
  return tensor;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : path_(path), mapping_(std::make_shared<MemoryMap>(path)) {
  static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");
  const std::span<const std::byte> bytes = mapping_->bytes();
  std::uint64_t header_bytes = 0;
  if (bytes.size() < sizeof(header_bytes))
    refuse(path, "not a safetensors file", "it is shorter than 8 bytes");
  std::memcpy(&header_bytes, bytes.data(), sizeof(header_bytes));
  if (header_bytes > kMaximumHeaderBytes || header_bytes > bytes.size() - sizeof(header_bytes)) {
    refuse(path, "not a safetensors file",
           fmt::format("a header of {} bytes does not fit a file of {} bytes", header_bytes, bytes.size()));
  }
  const auto* const text = reinterpret_cast<const char*>(bytes.data()) + sizeof(header_bytes);
  const nlohmann::json header = nlohmann::json::parse(text, text + header_bytes, nullptr, false);
  if (header.is_discarded() || !header.is_object()) {
    refuse(path, "not a safetensors file", "its header is not a JSON object");
  }
  const std::span<const std::byte> data = bytes.subspan(sizeof(header_bytes) + header_bytes);
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    tensors_.emplace(name, read_entry(path, name, entry, data));
  }
}

}  // namespace lacuna
