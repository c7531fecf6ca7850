#include "results/column_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "core/records.h"

namespace lacuna {

namespace {

using schema::Column;
using schema::InnerAxes;
using schema::RowKind;

std::int64_t element_bytes(Hdf5Type type) {
  switch (type) {
    case Hdf5Type::kUInt8:
      return 1;
    case Hdf5Type::kInt32:
    case Hdf5Type::kFloat32:
      return 4;
    case Hdf5Type::kString:
      return 64;  // a reference in the dataset, a short text in memory
    default:
      return 8;
  }
}

template <class T>
void copy_rows_of(const Hdf5Dataset& source, std::int64_t source_first, std::int64_t count,
                  Hdf5Dataset& target, std::int64_t target_first, std::int64_t block_rows) {
  for (std::int64_t done = 0; done < count; done += block_rows) {
    const std::int64_t rows = std::min(block_rows, count - done);
    const std::vector<T> values = source.read_rows<T>(source_first + done, rows);
    target.write_rows<T>(target_first + done, rows, values);
  }
}

void copy_rows(const Hdf5Dataset& source, std::int64_t source_first, std::int64_t count, Hdf5Dataset& target,
               std::int64_t target_first) {
  constexpr std::int64_t kBlockBytes = std::int64_t{4} << 20U;
  const std::int64_t row_bytes =
      std::max<std::int64_t>(1, target.row_elements() * element_bytes(target.type()));
  const std::int64_t block_rows = std::max<std::int64_t>(1, kBlockBytes / row_bytes);
  const auto copy = [&]<class T>(T) {
    copy_rows_of<T>(source, source_first, count, target, target_first, block_rows);
  };
  switch (target.type()) {
    case Hdf5Type::kUInt8:
      return copy(std::uint8_t{});
    case Hdf5Type::kInt32:
      return copy(std::int32_t{});
    case Hdf5Type::kInt64:
      return copy(std::int64_t{});
    case Hdf5Type::kFloat32:
      return copy(float{});
    case Hdf5Type::kFloat64:
      return copy(double{});
    case Hdf5Type::kString:
      return copy(std::string{});
    default:
      throw std::logic_error("a column of a type that no schema names");
  }
}

// A scale of a sweep: a small dataset that names an axis.
template <class T>
void write_scale(Hdf5File& file, const std::string& sweep, std::string_view name,
                 const std::vector<T>& values, const std::string& units) {
  const std::string path = schema::child(sweep, name);
  file.write<T>(path, {static_cast<std::int64_t>(values.size())}, values);
  file.write_attribute(path, schema::kUnitsAttribute, units);
  file.make_scale(path, std::string(name));
}

}  // namespace

void create_sweep(Hdf5File& file, const std::string& sweep, std::int64_t layers,
                  const std::vector<double>& alphas) {
  file.create_group(sweep);
  file.write_attribute(sweep, schema::kLayersAttribute, layers);
  std::vector<std::int32_t> states(static_cast<std::size_t>(layers + 1));
  std::iota(states.begin(), states.end(), -1);
  const std::vector<std::int32_t> layer_indices(states.begin() + 1, states.end());
  std::vector<std::int32_t> bytes(static_cast<std::size_t>(packed_layer_bytes(layers)));
  for (std::size_t byte = 0; byte < bytes.size(); ++byte) bytes[byte] = static_cast<std::int32_t>(8 * byte);
  write_scale(file, sweep, schema::kAlpha, alphas, "1");
  write_scale(file, sweep, schema::kLayer, layer_indices, "layer");
  write_scale(file, sweep, schema::kState, states, "output of this layer; -1: the embedding");
  write_scale(file, sweep, schema::kLayerByte, bytes, "first layer of the byte");
}

ColumnGroupWriter::ColumnGroupWriter(Hdf5File& file, std::string group, const std::string& sweep,
                                     std::span<const Column> columns, const GroupShape& shape)
    : file_(file), group_(std::move(group)), shape_(shape) {
  for (const Column& column : columns) {
    if (column.inner == InnerAxes::kState && !shape_.norms) continue;
    const std::string path = schema::child(group_, column.name);
    const std::vector<std::int64_t> sizes = shape_of(column);
    std::int64_t row_bytes = element_bytes(column.type);
    for (std::size_t axis = 1; axis < sizes.size(); ++axis) row_bytes *= sizes[axis];
    file_.create_dataset(path, column.type, sizes, Hdf5Layout::compressed(row_bytes)).close();
    file_.write_attribute(path, schema::kUnitsAttribute, std::string(column.units));
    attach_scales(column, sweep);
    open_.push_back({column, file_.open_dataset(path)});
    if (column.rows == RowKind::kCounter) write_counter(open_.back().dataset);
  }
}

std::vector<std::int64_t> ColumnGroupWriter::shape_of(const Column& column) const {
  std::vector<std::int64_t> sizes;
  switch (column.rows) {
    case RowKind::kItem:
    case RowKind::kCounter:
      sizes.push_back(shape_.items);
      break;
    case RowKind::kOffset:
      sizes.push_back(shape_.items + 1);
      break;
    case RowKind::kRagged:
      sizes.push_back(shape_.ragged);
      break;
  }
  if (column.inner == InnerAxes::kState) sizes.push_back(shape_.layers + 1);
  if (column.inner == InnerAxes::kDecisions) {
    if (shape_.has_alpha_axis) sizes.push_back(shape_.alphas);
    sizes.push_back(packed_layer_bytes(shape_.layers));
  }
  return sizes;
}

void ColumnGroupWriter::attach_scales(const Column& column, const std::string& sweep) {
  const std::string path = schema::child(group_, column.name);
  if (column.scale == column.name) {
    file_.make_scale(path, std::string(column.name));
  } else {
    file_.attach_scale(path, 0, schema::child(group_, column.scale));
  }
  if (column.inner == InnerAxes::kState) file_.attach_scale(path, 1, schema::child(sweep, schema::kState));
  if (column.inner == InnerAxes::kDecisions) {
    std::int64_t axis = 1;
    if (shape_.has_alpha_axis) file_.attach_scale(path, axis++, schema::child(sweep, schema::kAlpha));
    file_.attach_scale(path, axis, schema::child(sweep, schema::kLayerByte));
  }
}

void ColumnGroupWriter::write_counter(Hdf5Dataset& dataset) {
  constexpr std::int64_t kBlock = 1 << 16;
  std::vector<std::int64_t> values;
  for (std::int64_t first = 0; first < dataset.rows(); first += kBlock) {
    values.resize(static_cast<std::size_t>(std::min(kBlock, dataset.rows() - first)));
    std::iota(values.begin(), values.end(), first);
    dataset.write_rows<std::int64_t>(first, static_cast<std::int64_t>(values.size()), values);
  }
}

template <class T>
void ColumnGroupWriter::write(std::string_view column, const std::vector<T>& values) {
  for (Open& open : open_) {
    if (open.column.name != column) continue;
    open.dataset.write_rows<T>(0, open.dataset.rows(), values);
    return;
  }
  if (column != schema::kNorms) throw std::logic_error(fmt::format("no column {} in {}", column, group_));
}

template void ColumnGroupWriter::write<std::uint8_t>(std::string_view, const std::vector<std::uint8_t>&);
template void ColumnGroupWriter::write<std::int32_t>(std::string_view, const std::vector<std::int32_t>&);
template void ColumnGroupWriter::write<std::int64_t>(std::string_view, const std::vector<std::int64_t>&);
template void ColumnGroupWriter::write<float>(std::string_view, const std::vector<float>&);
template void ColumnGroupWriter::write<double>(std::string_view, const std::vector<double>&);
template void ColumnGroupWriter::write<std::string>(std::string_view, const std::vector<std::string>&);

ColumnGroupWriter::Range ColumnGroupWriter::copy_offsets(const Hdf5File& source,
                                                         const std::string& source_group,
                                                         const Range& items) {
  for (Open& open : open_) {
    if (open.column.rows != RowKind::kOffset) continue;
    const Hdf5Dataset from = source.open_dataset(schema::child(source_group, open.column.name));
    std::vector<std::int64_t> offsets = from.read_rows<std::int64_t>(items.first, items.count + 1);
    const Range ragged{offsets.front(), offsets.back() - offsets.front()};
    offsets.pop_back();
    for (std::int64_t& offset : offsets) offset += next_ragged_ - ragged.first;
    open.dataset.write_rows<std::int64_t>(next_item_, items.count, offsets);
    return ragged;
  }
  return {};
}

void ColumnGroupWriter::append_from(const Hdf5File& source, const std::string& source_group,
                                    std::int64_t first, std::int64_t count) {
  was_appended_ = true;
  const Range items{first, count};
  const Range ragged = copy_offsets(source, source_group, items);
  for (Open& open : open_) {
    const bool is_ragged = open.column.rows == RowKind::kRagged;
    if (!is_ragged && open.column.rows != RowKind::kItem) continue;
    const Hdf5Dataset from = source.open_dataset(schema::child(source_group, open.column.name));
    const Range& rows = is_ragged ? ragged : items;
    copy_rows(from, rows.first, rows.count, open.dataset, is_ragged ? next_ragged_ : next_item_);
  }
  next_item_ += items.count;
  next_ragged_ += ragged.count;
}

void ColumnGroupWriter::finish() {
  if (was_appended_ && (next_item_ != shape_.items || next_ragged_ != shape_.ragged)) {
    throw std::logic_error(fmt::format("{} got {} of {} items, {} of {} rows", group_, next_item_,
                                       shape_.items, next_ragged_, shape_.ragged));
  }
  for (Open& open : open_) {
    if (was_appended_ && open.column.rows == RowKind::kOffset) {
      open.dataset.write_rows<std::int64_t>(next_item_, 1, std::vector<std::int64_t>{next_ragged_});
    }
    open.dataset.close();
  }
  open_.clear();
}

}  // namespace lacuna
