// The figures of a benchmark run: a table for people, JSON for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lacuna {

// The best that the machine allows, or what was aimed at, in the unit of the figure it belongs to.
struct FigureBound {
  std::string name;  // "matrix rate", "memory read", "target"
  double value = 0;
};

struct Figure {
  std::string group;  // "prefill", "decode", ...
  std::string name;   // what was measured
  double value = 0;
  std::string unit;
  std::optional<FigureBound> bound = std::nullopt;
  bool less_is_better = false;
  nlohmann::json details = nlohmann::json::object();  // further keys, in the JSON only

  // How near it comes to the bound, 1 at the bound; none without one.
  [[nodiscard]] std::optional<double> ratio() const;
};

// The figure's line of the table (and the table's head), for a terminal of fixed-width letters.
std::string render_table_head();
std::string render_table_line(const Figure& figure);

// {"group", "name", "value", "unit", "bound", "bound_value", "ratio", ...details}; without a bound those
// three are null.
nlohmann::json to_json(const Figure& figure);

}  // namespace lacuna
