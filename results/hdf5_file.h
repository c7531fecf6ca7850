// HDF5 files without HDF5's C interface: the only door to the library, so that no other file includes hdf5.h.
//
// Reading is meant for files from anywhere (golden files, stores of others): every failure is an Hdf5Error
// that names the file and the object (but a StorageError where the operating system could not read the file,
// which says nothing about its content), HDF5 prints nothing itself, and a dataset that claims more data than
// its file holds is refused before memory is asked for. Paths inside a file are absolute ("/pp/norms").
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace lacuna {

// A failed HDF5 call. The error's location is the file; `object` is the path inside it (may be empty).
// Exit code: kBadInput when reading, kFailure when writing.
class Hdf5Error : public Error {
 public:
  Hdf5Error(ExitCode exit_code, ErrorText text, std::filesystem::path file, std::string object);
  [[nodiscard]] const std::string& object() const { return object_; }

 private:
  std::string object_;
};

// What an element is in the file (byte order aside). kOther: compound, enum, reference, ...
enum class Hdf5Type : std::uint8_t {
  kInt8,
  kUInt8,
  kInt16,
  kUInt16,
  kInt32,
  kUInt32,
  kInt64,
  kUInt64,
  kFloat32,
  kFloat64,
  kString,
  kOther,
};
// "int8", ..., "float64", "string", "other".
std::string_view to_string(Hdf5Type type);

// A dataset or attribute in memory, row-major. A scalar has an empty shape and one value.
template <class T>
struct Hdf5Array {
  std::vector<std::int64_t> shape;
  std::vector<T> values;
};

// How a dataset lies in the file. Chunks span `chunk_rows` entries of the first axis and all of the others.
struct Hdf5Layout {
  std::int64_t chunk_rows = 0;  // 0: contiguous, uncompressed
  int deflate_level = 0;        // 0: none; else shuffle + deflate of that level (chunked datasets only)

  // Chunks of about 512 KiB for rows of `row_bytes`, deflate level 6 (a twentieth smaller than 1).
  static Hdf5Layout compressed(std::int64_t row_bytes);
};

// T below is one of: (u)int8_t ... (u)int64_t, float, double, std::string. Numbers are converted by HDF5 to
// and from the type in the file; reading numbers as strings or strings as numbers is an Hdf5Error. Strings
// are variable-length UTF-8 when written; both kinds are read (fixed ones without their padding).

// An open dataset, for moving data a few rows (entries of the first axis) at a time. Closes itself; must not
// outlive its Hdf5File.
class Hdf5Dataset {
 public:
  Hdf5Dataset(Hdf5Dataset&& other) noexcept;
  Hdf5Dataset& operator=(Hdf5Dataset&& other) noexcept;
  Hdf5Dataset(const Hdf5Dataset&) = delete;
  Hdf5Dataset& operator=(const Hdf5Dataset&) = delete;
  ~Hdf5Dataset();

  [[nodiscard]] const std::vector<std::int64_t>& shape() const { return shape_; }
  [[nodiscard]] std::int64_t rows() const { return shape_.empty() ? 1 : shape_.front(); }
  // Elements of one row: the product of the other axes.
  [[nodiscard]] std::int64_t row_elements() const;
  [[nodiscard]] Hdf5Type type() const { return type_; }

  // Rows [first, first + count), row-major.
  template <class T>
  [[nodiscard]] std::vector<T> read_rows(std::int64_t first, std::int64_t count) const;
  // `values` holds count * row_elements() elements.
  template <class T>
  void write_rows(std::int64_t first, std::int64_t count, std::span<const T> values);
  // Throws if buffered data cannot be written; the destructor would swallow that.
  void close();

 private:
  friend class Hdf5File;
  Hdf5Dataset(std::int64_t id, std::filesystem::path file, std::string path);

  std::int64_t id_ = -1;
  std::filesystem::path file_;
  std::string path_;
  std::vector<std::int64_t> shape_;
  Hdf5Type type_ = Hdf5Type::kOther;
};

// An open HDF5 file: on disk or an image in memory. Closes itself.
class Hdf5File {
 public:
  // For reading; throws InputError if it is missing, Hdf5Error if it is no HDF5 file.
  static Hdf5File open(const std::filesystem::path& file);
  // For reading a file that is in memory; `name` is for messages only. HDF5 makes a copy of the image. Throws
  // Hdf5Error if it is no HDF5 file.
  static Hdf5File open_image(std::span<const std::uint8_t> image, const std::filesystem::path& name);
  // For writing; replaces an existing file.
  static Hdf5File create(const std::filesystem::path& file);
  // For writing into datasets of an existing file, in place: a crash leaves it in pieces. Tests damage files
  // with it.
  static Hdf5File open_for_change(const std::filesystem::path& file);
  // For writing into memory (HDF5's core driver, nothing touches the disk); `name` is for messages only.
  static Hdf5File create_in_memory(const std::filesystem::path& name);

  Hdf5File(Hdf5File&& other) noexcept;
  Hdf5File& operator=(Hdf5File&& other) noexcept;
  Hdf5File(const Hdf5File&) = delete;
  Hdf5File& operator=(const Hdf5File&) = delete;
  ~Hdf5File();

  [[nodiscard]] const std::filesystem::path& path() const { return file_; }
  // Flushes; the bytes that a file of this content would have. For create_in_memory.
  [[nodiscard]] std::vector<std::uint8_t> image() const;
  // Flushes and closes; throws if that fails. The destructor closes too but swallows errors.
  void close();

  // --- looking around
  [[nodiscard]] bool exists(const std::string& path) const;
  [[nodiscard]] bool is_group(const std::string& path) const;
  [[nodiscard]] bool is_dataset(const std::string& path) const;
  // Names of a group's members, sorted by byte value.
  [[nodiscard]] std::vector<std::string> members(const std::string& group) const;
  [[nodiscard]] std::vector<std::int64_t> shape(const std::string& dataset) const;
  [[nodiscard]] Hdf5Type type(const std::string& dataset) const;
  // Equal for two paths that are hard links to the same object.
  [[nodiscard]] std::uint64_t object_address(const std::string& path) const;

  // --- reading
  template <class T>
  [[nodiscard]] Hdf5Array<T> read(const std::string& dataset) const;
  // The value of a dataset or attribute with exactly one element.
  template <class T>
  [[nodiscard]] T read_scalar(const std::string& dataset) const;
  [[nodiscard]] Hdf5Dataset open_dataset(const std::string& path) const;
  // `object`: path of a dataset or group ("/" for the root).
  [[nodiscard]] bool has_attribute(const std::string& object, const std::string& name) const;
  [[nodiscard]] std::vector<std::string> attribute_names(const std::string& object) const;
  template <class T>
  [[nodiscard]] Hdf5Array<T> read_attribute(const std::string& object, const std::string& name) const;
  template <class T>
  [[nodiscard]] T read_scalar_attribute(const std::string& object, const std::string& name) const;
  // The element type of an attribute.
  [[nodiscard]] Hdf5Type attribute_type(const std::string& object, const std::string& name) const;

  // --- writing; missing groups on the way to an object are created
  void create_group(const std::string& path);
  // A dataset with the number type of T; an empty shape makes a scalar.
  template <class T>
  void write(const std::string& dataset, const std::vector<std::int64_t>& shape, std::span<const T> values,
             Hdf5Layout layout = {});
  template <class T>
  void write(const std::string& dataset, const std::vector<std::int64_t>& shape, const std::vector<T>& values,
             Hdf5Layout layout = {}) {
    write<T>(dataset, shape, std::span<const T>(values), layout);
  }
  // A scalar string dataset.
  void write_text(const std::string& dataset, const std::string& text);
  // A dataset to be filled by write_rows; what is never written reads as 0 or "".
  Hdf5Dataset create_dataset(const std::string& path, Hdf5Type type, const std::vector<std::int64_t>& shape,
                             Hdf5Layout layout = {});
  // Attributes replace one of the same name. Scalars, and one-dimensional lists.
  template <class T>
  void write_attribute(const std::string& object, const std::string& name, const T& value);
  template <class T>
  void write_list_attribute(const std::string& object, const std::string& name, const std::vector<T>& values);
  // A second name for an object.
  void create_hard_link(const std::string& existing, const std::string& link);
  // Turns a 1-D dataset into a dimension scale (HDF5 Dimension Scale specification; h5py `dims`, xarray).
  void make_scale(const std::string& dataset, const std::string& name);
  // Attaches a scale to axis `axis` of a dataset and labels the axis with the scale's name.
  void attach_scale(const std::string& dataset, std::int64_t axis, const std::string& scale);
  // The labels of a dataset's axes, "" where there is none.
  [[nodiscard]] std::vector<std::string> axis_labels(const std::string& dataset) const;

 private:
  // The groups on the way to `path`.
  void create_parent(const std::string& path);
  Hdf5File(std::int64_t id, std::filesystem::path file, bool writable);

  std::int64_t id_ = -1;
  std::filesystem::path file_;
  bool writable_ = false;
};

}  // namespace lacuna
