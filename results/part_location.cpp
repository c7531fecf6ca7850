#include "results/part_location.h"

#include <fmt/format.h>

#include <span>
#include <system_error>

#include "core/error.h"
#include "results/checksum_trailer.h"
#include "results/file_reader.h"

namespace lacuna {

std::string describe(const PartLocation& part) {
  if (!part.is_bundled) return part.file.string();
  return fmt::format("{} (unit {})", part.file.string(), part.unit);
}

bool is_there(const PartLocation& part) {
  std::error_code ignored;
  return std::filesystem::exists(part.file, ignored);
}

std::optional<std::string> find_part_problem(const PartLocation& part) {
  if (part.is_bundled) return find_checksum_problem(part.file, part.offset, part.size);
  return find_checksum_problem(part.file);
}

std::vector<std::uint8_t> read_part_bytes(const PartLocation& part) {
  const FileReader file(part.file);
  const std::uint64_t size = part.is_bundled ? part.size : file.size();
  // The size is checked before memory is asked for: an index may say anything.
  const bool fits = part.offset <= file.size() && size <= file.size() - part.offset;
  std::vector<std::uint8_t> bytes(fits ? size : 0);
  if (!fits || !file.read(part.offset, bytes)) {
    throw InputError(
        {.problem = fmt::format("cannot read '{}'", describe(part)), .why = "the file ends before it"});
  }
  return bytes;
}

Hdf5File open_part(const PartLocation& part) {
  if (!part.is_bundled) return Hdf5File::open(part.file);
  const std::vector<std::uint8_t> bytes = read_part_bytes(part);
  const std::size_t image = bytes.size() - std::min(bytes.size(), kChecksumTrailerBytes);
  return Hdf5File::open_image(std::span(bytes).first(image), describe(part));
}

}  // namespace lacuna
