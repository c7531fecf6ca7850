#include "results/part_bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "results/checksum_trailer.h"
#include "results/file_reader.h"

namespace lacuna {

namespace {

using nlohmann::json;

constexpr std::array<std::uint8_t, 16> kHead = {'L', 'A', 'C', 'U', 'N', 'A', 'B', 'N', 1};
constexpr const char* kFormat = "lacuna-bundle";
// No bundle of ours comes near; what is larger is not read into memory.
constexpr std::uint64_t kLargestBundleBytes = std::uint64_t{2} << 30U;

[[noreturn]] void refuse(const std::filesystem::path& file, std::string why) {
  throw InputError(
      {.problem = fmt::format("cannot use the bundle '{}'", file.string()), .why = std::move(why)});
}

std::vector<std::uint8_t> read_bytes(const FileReader& reader, const std::filesystem::path& file,
                                     std::uint64_t offset, std::uint64_t size) {
  std::vector<std::uint8_t> bytes(size);
  if (!reader.read(offset, bytes)) refuse(file, "it has become shorter while it was read");
  return bytes;
}

json to_json(const BundleIndex& index) {
  json parts = json::array();
  for (const BundledPart& part : index.parts) {
    parts.push_back({{"unit", part.unit.value()},
                     {"stream", part.stream},
                     {"first_question", part.first_question},
                     {"question_count", part.question_count},
                     {"offset", part.offset},
                     {"size", part.size}});
  }
  return {{"format", kFormat}, {"run_fingerprint", index.fingerprint}, {"parts", std::move(parts)}};
}

BundleIndex parse_index(const json& object) {
  if (object.at("format").get<std::string>() != kFormat)
    throw std::runtime_error("it is no index of a bundle");
  BundleIndex index{.fingerprint = object.at("run_fingerprint").get<std::string>(), .parts = {}};
  for (const json& part : object.at("parts")) {
    index.parts.push_back({.unit = UnitId(part.at("unit").get<std::string>()),
                           .stream = part.at("stream").get<std::string>(),
                           .first_question = part.at("first_question").get<std::int64_t>(),
                           .question_count = part.at("question_count").get<std::int64_t>(),
                           .offset = part.at("offset").get<std::uint64_t>(),
                           .size = part.at("size").get<std::uint64_t>()});
  }
  return index;
}

// Part behind part, from the head to the index.
void check_places(const std::filesystem::path& file, const BundleIndex& index, std::uint64_t index_offset) {
  std::uint64_t end = kHead.size();
  for (const BundledPart& part : index.parts) {
    const bool fits = part.offset >= end && part.offset <= index_offset &&
                      part.size <= index_offset - part.offset && part.size > kChecksumTrailerBytes;
    if (!fits) refuse(file, fmt::format("its index puts unit '{}' where it cannot be", part.unit));
    end = part.offset + part.size;
  }
}

// Empty if it is no file or too large for a bundle.
std::vector<std::uint8_t> read_small_file(const std::filesystem::path& file) {
  try {
    const FileReader reader(file);
    if (reader.size() <= kLargestBundleBytes) return read_bytes(reader, file, 0, reader.size());
  } catch (const InputError&) {
    // The caller knows already that something is wrong with it.
  }
  return {};
}

}  // namespace

bool is_entry_of(const BundledPart& entry, const WorkUnit& unit) {
  return entry.unit == unit.id && entry.stream == to_string(unit.stream) &&
         entry.first_question == unit.first_question.value() && entry.question_count == unit.question_count;
}

PartLocation locate(const std::filesystem::path& file, const BundledPart& entry) {
  return {.unit = entry.unit, .file = file, .is_bundled = true, .offset = entry.offset, .size = entry.size};
}

BundleWriter::BundleWriter(const std::filesystem::path& file, std::string fingerprint)
    : output_(file), index_{.fingerprint = std::move(fingerprint), .parts = {}} {
  output_.write(kHead);
  size_ = kHead.size();
}

void BundleWriter::add(const WorkUnit& unit, std::span<const std::uint8_t> bytes) {
  output_.write(bytes);
  index_.parts.push_back({.unit = unit.id,
                          .stream = std::string(to_string(unit.stream)),
                          .first_question = unit.first_question.value(),
                          .question_count = unit.question_count,
                          .offset = size_,
                          .size = bytes.size()});
  size_ += bytes.size();
}

void BundleWriter::commit() {
  const std::string text = to_json(index_).dump(-1, ' ', false, json::error_handler_t::replace);
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  output_.write(bytes);
  output_.write(make_checksum_trailer(bytes));
  output_.commit();
}

BundleIndex read_bundle_index(const std::filesystem::path& file) {
  const FileReader reader(file);
  const std::uint64_t size = reader.size();
  if (size < kHead.size() + kChecksumTrailerBytes) refuse(file, "it is too short to be whole");
  if (!std::ranges::equal(read_bytes(reader, file, 0, kHead.size()), kHead)) {
    refuse(file, "it does not begin as a bundle of this version");
  }
  const std::uint64_t end = size - kChecksumTrailerBytes;
  const std::vector<std::uint8_t> trailer = read_bytes(reader, file, end, kChecksumTrailerBytes);
  const auto length = read_trailer_length(std::span(trailer).first<kChecksumTrailerBytes>());
  if (!length || *length > end - kHead.size()) {
    refuse(file, "it does not end in an index: truncated, or changed by another program");
  }
  const std::uint64_t index_offset = end - *length;
  const std::vector<std::uint8_t> text =
      read_bytes(reader, file, index_offset, *length + kChecksumTrailerBytes);
  if (find_checksum_problem(std::span(text))) refuse(file, "its index does not match its checksum");
  try {
    BundleIndex index = parse_index(
        json::parse(text.begin(), text.end() - static_cast<std::ptrdiff_t>(kChecksumTrailerBytes)));
    check_places(file, index, index_offset);
    return index;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    refuse(file, fmt::format("its index cannot be used: {}", error.what()));
  }
}

void for_each_whole_part(const std::filesystem::path& file,
                         const std::function<void(std::span<const std::uint8_t>)>& take) {
  const std::vector<std::uint8_t> bytes = read_small_file(file);
  const std::uint64_t size = bytes.size();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  constexpr std::string_view kPartBegin = "\x89HDF\r\n\x1a\n";
  constexpr std::string_view kTrailerBegin = "LACUNAXX";
  std::size_t begin = std::min(kHead.size(), text.size());
  std::uint64_t budget = 4 * size;  // of bytes to hash: trailers that lie do not make this quadratic
  for (std::size_t at = text.find(kTrailerBegin, begin); at != std::string_view::npos;
       at = text.find(kTrailerBegin, at + 1)) {
    if (bytes.size() - at < kChecksumTrailerBytes) break;
    const auto length = read_trailer_length(std::span(bytes).subspan(at).first<kChecksumTrailerBytes>());
    if (!length || *length > at - begin || *length > budget) continue;
    const std::size_t first = at - *length;
    if (text.substr(first, kPartBegin.size()) != kPartBegin) continue;  // the index, or chance
    budget -= *length;
    const std::span<const std::uint8_t> part =
        std::span(bytes).subspan(first, *length + kChecksumTrailerBytes);
    if (find_checksum_problem(part)) continue;
    take(part);
    begin = first + part.size();
  }
}

}  // namespace lacuna
