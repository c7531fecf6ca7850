#include "results/part_location.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <span>
#include <system_error>

#include "core/error.h"
#include "results/checksum_trailer.h"

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
  std::error_code ignored;
  if (std::filesystem::is_directory(part.file, ignored)) return "it is a directory";
  return find_checksum_problem(part.file);
}

std::vector<std::uint8_t> read_part_bytes(const PartLocation& part) {
  const auto refuse = [&](const std::string& why) {
    throw InputError({.problem = fmt::format("cannot read '{}'", describe(part)), .why = why});
  };
  std::error_code status;
  const std::uint64_t file_size = std::filesystem::file_size(part.file, status);
  if (status) refuse(status.message());
  const std::uint64_t size = part.is_bundled ? part.size : file_size;
  if (part.offset > file_size || size > file_size - part.offset) refuse("the file ends before it");
  std::ifstream stream(part.file, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(part.offset));
  std::vector<std::uint8_t> bytes(size);
  if (!stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size))) {
    refuse(std::generic_category().message(errno));
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
