// Writes one group of a store or part: creates its datasets with their scales, then fills them from arrays
// (parts) or from other files (merging).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "results/hdf5_file.h"
#include "results/schema.h"

namespace lacuna {

// The sizes of a group's axes.
struct GroupShape {
  std::int64_t items = 0;
  std::int64_t ragged = 0;  // tokens of all items
  std::int64_t layers = 0;
  std::int64_t alphas = 0;      // thresholds an item has
  bool has_alpha_axis = false;  // whether decisions have an axis for them
  bool norms = true;            // false: the norms column is left out
};

// Creates /results/<model>/<benchmark> with its attributes and the scales alpha, layer, state, layer_byte.
void create_sweep(Hdf5File& file, const std::string& sweep, std::int64_t layers,
                  const std::vector<double>& alphas);

class ColumnGroupWriter {
 public:
  // Creates the datasets. `sweep`: the path of the group that holds the shared scales.
  ColumnGroupWriter(Hdf5File& file, std::string group, const std::string& sweep,
                    std::span<const schema::Column> columns, const GroupShape& shape);

  // Writes a whole column.
  template <class T>
  void write(std::string_view column, const std::vector<T>& values);

  // Appends items [first, first + count) of the same group in another file, a few rows at a time.
  void append_from(const Hdf5File& source, const std::string& source_group, std::int64_t first,
                   std::int64_t count);

  // Completes what append_from filled and closes the datasets. Throws std::logic_error if the appended items
  // are not as many as the group was made for, Hdf5Error if they cannot be written.
  void finish();

 private:
  struct Open {
    schema::Column column;
    Hdf5Dataset dataset;
  };
  struct Range {
    std::int64_t first = 0;
    std::int64_t count = 0;
  };

  [[nodiscard]] std::vector<std::int64_t> shape_of(const schema::Column& column) const;
  void attach_scales(const schema::Column& column, const std::string& sweep);
  void write_counter(Hdf5Dataset& dataset);
  // The ragged rows of the source's items; appends the items' offsets if this group has such a column.
  Range copy_offsets(const Hdf5File& source, const std::string& source_group, const Range& items);

  Hdf5File& file_;
  std::string group_;
  GroupShape shape_;
  std::vector<Open> open_;
  bool was_appended_ = false;
  std::int64_t next_item_ = 0;
  std::int64_t next_ragged_ = 0;
};

}  // namespace lacuna
