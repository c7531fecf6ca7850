// Hdf5Dataset, and the reading and writing of whole datasets.
#include <fmt/format.h>

#include <algorithm>

#include "results/hdf5_internal.h"

namespace lacuna {

namespace {

using hdf5::Id;

// A memory and a file space for rows [first, first + count) of a dataset of that shape.
struct RowSelection {
  Id memory;
  Id file;
};

RowSelection select_rows(hid_t dataset, const std::vector<std::int64_t>& shape, std::int64_t first,
                         std::int64_t count) {
  RowSelection selection;
  selection.file = Id(H5Dget_space(dataset));
  if (shape.empty()) {
    selection.memory = Id(H5Screate(H5S_SCALAR));
    return selection;
  }
  std::vector<hsize_t> start(shape.size(), 0);
  std::vector<hsize_t> sizes(shape.begin(), shape.end());
  start.front() = static_cast<hsize_t>(first);
  sizes.front() = static_cast<hsize_t>(count);
  H5Sselect_hyperslab(selection.file.get(), H5S_SELECT_SET, start.data(), nullptr, sizes.data(), nullptr);
  selection.memory = Id(H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr));
  return selection;
}

void check_rows(const std::vector<std::int64_t>& shape, std::int64_t first, std::int64_t count) {
  const std::int64_t rows = shape.empty() ? 1 : shape.front();
  if (first < 0 || count < 0 || first > rows || count > rows - first) {
    throw std::logic_error(fmt::format("rows {} to {} of an HDF5 dataset of {}", first, first + count, rows));
  }
}

std::vector<std::string> read_strings(hid_t dataset, const RowSelection& selection, hid_t file_type,
                                      std::size_t count, const std::filesystem::path& file,
                                      const std::string& path) {
  // The type of the file serves in memory as well: HDF5 does not convert between character sets.
  if (H5Tis_variable_str(file_type) > 0) {
    std::vector<char*> raw(count, nullptr);
    if (H5Dread(dataset, file_type, selection.memory.get(), selection.file.get(), H5P_DEFAULT, raw.data()) <
        0) {
      hdf5::fail(ExitCode::kBadInput, file, path, "read");
    }
    std::vector<std::string> strings = hdf5::strings_from_variable(raw);
    H5Dvlen_reclaim(file_type, selection.memory.get(), H5P_DEFAULT, raw.data());
    return strings;
  }
  std::vector<char> raw(count * H5Tget_size(file_type));
  if (H5Dread(dataset, file_type, selection.memory.get(), selection.file.get(), H5P_DEFAULT, raw.data()) <
      0) {
    hdf5::fail(ExitCode::kBadInput, file, path, "read");
  }
  return hdf5::strings_from_fixed(raw, file_type, count);
}

// Refuses datasets that claim far more than their file can hold, so that a damaged or malicious file costs no
// memory. Deflate shrinks at most about 1032-fold; small unwritten datasets (fill values) are fine.
void check_claim(hid_t dataset, hid_t file_type, std::int64_t elements, const std::filesystem::path& file,
                 const std::string& path) {
  constexpr double kFreeBytes = 64.0 * 1024 * 1024;
  constexpr double kBestCompression = 1100;
  hsize_t file_bytes = 0;
  const Id owner(H5Iget_file_id(dataset));
  H5Fget_filesize(owner.get(), &file_bytes);
  const auto stored = static_cast<double>(std::min<hsize_t>(H5Dget_storage_size(dataset), file_bytes));
  const double claimed = static_cast<double>(elements) * static_cast<double>(H5Tget_size(file_type));
  if (claimed > kFreeBytes + kBestCompression * stored) {
    hdf5::fail(ExitCode::kBadInput, file, path, "read",
               fmt::format("it claims {:.0f} bytes but the file holds {:.0f} for it", claimed, stored));
  }
}

Id make_creation_properties(const std::vector<std::int64_t>& shape, const Hdf5Layout& layout) {
  Id properties(H5Pcreate(H5P_DATASET_CREATE));
  H5Pset_obj_track_times(properties.get(), false);  // equal content gives equal files
  const bool is_empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  if (layout.chunk_rows > 0 && !shape.empty() && !is_empty) {
    std::vector<hsize_t> chunk(shape.begin(), shape.end());
    chunk.front() = static_cast<hsize_t>(std::min(layout.chunk_rows, shape.front()));
    H5Pset_chunk(properties.get(), static_cast<int>(chunk.size()), chunk.data());
    if (layout.deflate_level > 0) {
      H5Pset_shuffle(properties.get());
      H5Pset_deflate(properties.get(), static_cast<unsigned>(layout.deflate_level));
    }
  }
  return properties;
}

}  // namespace

Hdf5Dataset::Hdf5Dataset(std::int64_t id, std::filesystem::path file, std::string path)
    : id_(id), file_(std::move(file)), path_(std::move(path)) {
  shape_ = hdf5::extent_of(Id(H5Dget_space(id_)).get());
  type_ = hdf5::classify(Id(H5Dget_type(id_)).get());
}

Hdf5Dataset::Hdf5Dataset(Hdf5Dataset&& other) noexcept
    : id_(std::exchange(other.id_, -1)),
      file_(std::move(other.file_)),
      path_(std::move(other.path_)),
      shape_(std::move(other.shape_)),
      type_(other.type_) {}

Hdf5Dataset& Hdf5Dataset::operator=(Hdf5Dataset&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(file_, other.file_);
  std::swap(path_, other.path_);
  std::swap(shape_, other.shape_);
  std::swap(type_, other.type_);
  return *this;
}

Hdf5Dataset::~Hdf5Dataset() {
  if (id_ >= 0) H5Dclose(id_);
}

void Hdf5Dataset::close() {
  const std::int64_t id = std::exchange(id_, -1);
  if (id >= 0 && H5Dclose(id) < 0) hdf5::fail(ExitCode::kFailure, file_, path_, "write");
}

std::int64_t Hdf5Dataset::row_elements() const {
  if (shape_.empty()) return 1;
  return hdf5::element_count({shape_.begin() + 1, shape_.end()});
}

template <class T>
std::vector<T> Hdf5Dataset::read_rows(std::int64_t first, std::int64_t count) const {
  hdf5::prepare_library();
  check_rows(shape_, first, count);
  const Id file_type(H5Dget_type(id_));
  hdf5::check_type<T>(type_, file_type.get(), file_, path_);
  std::vector<std::int64_t> selected = shape_;
  if (!selected.empty()) selected.front() = count;
  const std::int64_t elements = hdf5::element_count(selected);
  check_claim(id_, file_type.get(), elements, file_, path_);
  if (elements == 0) return {};
  const RowSelection selection = select_rows(id_, shape_, first, count);
  if constexpr (std::is_same_v<T, std::string>) {
    return read_strings(id_, selection, file_type.get(), static_cast<std::size_t>(elements), file_, path_);
  } else {
    std::vector<T> values(static_cast<std::size_t>(elements));
    if (H5Dread(id_, hdf5::native_type<T>(), selection.memory.get(), selection.file.get(), H5P_DEFAULT,
                values.data()) < 0) {
      hdf5::fail(ExitCode::kBadInput, file_, path_, "read");
    }
    return values;
  }
}

template <class T>
void Hdf5Dataset::write_rows(std::int64_t first, std::int64_t count, std::span<const T> values) {
  hdf5::prepare_library();
  check_rows(shape_, first, count);
  if (static_cast<std::int64_t>(values.size()) != count * row_elements()) {
    throw std::logic_error(
        fmt::format("{} values for {} rows of {} in '{}'", values.size(), count, row_elements(), path_));
  }
  if (values.empty()) return;
  const RowSelection selection = select_rows(id_, shape_, first, count);
  herr_t status = -1;
  if constexpr (std::is_same_v<T, std::string>) {
    std::vector<const char*> raw;
    raw.reserve(values.size());
    for (const std::string& text : values) raw.push_back(text.c_str());
    const Id type = hdf5::make_file_type(Hdf5Type::kString);
    status = H5Dwrite(id_, type.get(), selection.memory.get(), selection.file.get(), H5P_DEFAULT, raw.data());
  } else {
    status = H5Dwrite(id_, hdf5::native_type<T>(), selection.memory.get(), selection.file.get(), H5P_DEFAULT,
                      values.data());
  }
  if (status < 0) hdf5::fail(ExitCode::kFailure, file_, path_, "write");
}

Hdf5Dataset Hdf5File::open_dataset(const std::string& path) const {
  hdf5::prepare_library();
  const hid_t id = is_dataset(path) ? H5Dopen2(id_, path.c_str(), H5P_DEFAULT) : -1;
  if (id < 0) {
    hdf5::fail(ExitCode::kBadInput, file_, path, "open",
               exists(path) ? "it is no dataset" : "the file has no such dataset");
  }
  return {id, file_, path};
}

Hdf5Dataset Hdf5File::create_dataset(const std::string& path, Hdf5Type type,
                                     const std::vector<std::int64_t>& shape, Hdf5Layout layout) {
  hdf5::prepare_library();
  const Id file_type = hdf5::make_file_type(type);
  const Id space = hdf5::make_space(shape);
  create_parent(path);
  const Id links = hdf5::make_link_properties();
  const Id properties = make_creation_properties(shape, layout);
  const hid_t id =
      H5Dcreate2(id_, path.c_str(), file_type.get(), space.get(), links.get(), properties.get(), H5P_DEFAULT);
  if (id < 0) hdf5::fail(ExitCode::kFailure, file_, path, "create");
  return {id, file_, path};
}

template <class T>
Hdf5Array<T> Hdf5File::read(const std::string& dataset) const {
  const Hdf5Dataset open = open_dataset(dataset);
  return {.shape = open.shape(), .values = open.read_rows<T>(0, open.rows())};
}

template <class T>
T Hdf5File::read_scalar(const std::string& dataset) const {
  const Hdf5Dataset open = open_dataset(dataset);
  if (open.rows() * open.row_elements() != 1) {
    hdf5::fail(ExitCode::kBadInput, file_, dataset, "read", "it does not hold exactly one value");
  }
  return open.read_rows<T>(0, 1).front();
}

template <class T>
void Hdf5File::write(const std::string& dataset, const std::vector<std::int64_t>& shape,
                     std::span<const T> values, Hdf5Layout layout) {
  Hdf5Dataset open = create_dataset(dataset, hdf5::type_of<T>(), shape, layout);
  open.write_rows<T>(0, open.rows(), values);
  open.close();
}

void Hdf5File::write_text(const std::string& dataset, const std::string& text) {
  write<std::string>(dataset, {}, std::span<const std::string>(&text, 1));
}

#define LACUNA_INSTANTIATE(T)                                                                                \
  template std::vector<T> Hdf5Dataset::read_rows<T>(std::int64_t, std::int64_t) const;                       \
  template void Hdf5Dataset::write_rows<T>(std::int64_t, std::int64_t, std::span<const T>);                  \
  template Hdf5Array<T> Hdf5File::read<T>(const std::string&) const;                                         \
  template T Hdf5File::read_scalar<T>(const std::string&) const;                                             \
  template void Hdf5File::write<T>(const std::string&, const std::vector<std::int64_t>&, std::span<const T>, \
                                   Hdf5Layout);
LACUNA_FOR_EACH_HDF5_TYPE(LACUNA_INSTANTIATE)

}  // namespace lacuna
