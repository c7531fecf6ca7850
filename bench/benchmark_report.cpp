#include "bench/benchmark_report.h"

#include <fmt/format.h>

#include <cmath>

namespace lacuna {
namespace {

// Four digits that count, without an exponent.
std::string render_number(double value) {
  const double size = std::abs(value);
  const int decimals = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
  return fmt::format("{:.{}f}", value, decimals);
}

constexpr const char* kLine = "{:<10} {:<52} {:>8} {:<12} {:>8} {:<12} {:>6}";

}  // namespace

std::optional<double> Figure::ratio() const {
  if (!bound) return std::nullopt;
  return less_is_better ? bound->value / value : value / bound->value;
}

std::string render_table_head() {
  return fmt::format(kLine, "group", "figure", "value", "unit", "bound", "bound by", "ratio");
}

std::string render_table_line(const Figure& figure) {
  if (!figure.bound) {
    return fmt::format(kLine, figure.group, figure.name, render_number(figure.value), figure.unit, "", "",
                       "");
  }
  return fmt::format(kLine, figure.group, figure.name, render_number(figure.value), figure.unit,
                     render_number(figure.bound->value), figure.bound->name,
                     fmt::format("{:.0f} %", 100 * *figure.ratio()));
}

nlohmann::json to_json(const Figure& figure) {
  nlohmann::json json = figure.details;
  json["group"] = figure.group;
  json["name"] = figure.name;
  json["value"] = figure.value;
  json["unit"] = figure.unit;
  json["bound"] = nullptr;
  json["bound_value"] = nullptr;
  json["ratio"] = nullptr;
  if (figure.bound) {
    json["bound"] = figure.bound->name;
    json["bound_value"] = figure.bound->value;
    json["ratio"] = *figure.ratio();
  }
  return json;
}

}  // namespace lacuna
