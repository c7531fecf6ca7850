// The texts of a results table: Markdown, CSV, LaTeX.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "analysis/results_table.h"
#include "core/error.h"

namespace lacuna {

namespace {

constexpr std::string_view kLayerNote =
    "Layers: mean over questions of the share of active layers over tokens and layers. Prompt (PP): all "
    "prompt "
    "tokens count, those of the chat template and special tokens too. Response (RG): the passes fed with a "
    "response token.";
constexpr std::string_view kAnswerNote =
    "Base: accuracy without skipping (mode trace) on the same n questions; answers without a choice "
    "(unparsed) "
    "count as wrong. 95 %: Wilson interval of the accuracy; p: McNemar's exact test against base.";

constexpr std::string_view kLoglikNote =
    "Scoring: generate grades the model's answer; loglik takes the choice of the largest log-likelihood "
    "(acc), "
    "loglik-norm that of the largest per character (acc_norm). Base, diff and p compare within one scoring.";

double share(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

// Percent with two decimals; "-" if there is nothing to divide by. Never "-0.00".
std::string percent(std::optional<double> value, bool with_sign = false) {
  if (!value) return "-";
  const double rounded = std::round(*value * 1e4) / 1e2 + 0.0;
  return with_sign ? fmt::format("{:+.2f}", rounded) : fmt::format("{:.2f}", rounded);
}

std::optional<double> ratio(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return std::nullopt;
  return share(part, whole);
}

// A comparison of log-likelihoods always has a choice.
std::optional<double> unparsed_share(const TableRow& row) {
  if (row.scoring != RowScoring::kGenerate) return std::nullopt;
  return ratio(row.unparsed, row.questions);
}

std::string p_value(const TableRow& row) {
  if (row.mode == LacMode::kTrace || row.questions == 0) return "-";
  return row.mcnemar_p < 0.0001 ? "<0.0001" : fmt::format("{:.4f}", row.mcnemar_p);
}

// A row's cells as people read them, in percent.
std::vector<std::string> readable_cells(const TableRow& row) {
  return {row.model,
          row.benchmark,
          std::string(to_string(row.scoring)),
          std::string(to_string(row.mode)),
          fmt::format("{}", row.alpha),
          fmt::format("{}", row.questions),
          percent(ratio(row.baseline_correct, row.questions)),
          percent(ratio(row.correct, row.questions)),
          row.accuracy ? fmt::format("{}-{}", percent(row.accuracy->low), percent(row.accuracy->high)) : "-",
          percent(ratio(row.correct - row.baseline_correct, row.questions), true),
          p_value(row),
          percent(row.pp_layers),
          percent(row.rg_layers),
          percent(unparsed_share(row))};
}

const std::vector<std::string>& readable_header() {
  static const std::vector<std::string> header = {"model", "benchmark",   "scoring",     "mode",      "alpha",
                                                  "n",     "base %",      "accuracy %",  "95 %",      "diff",
                                                  "p",     "PP layers %", "RG layers %", "unparsed %"};
  return header;
}

// The lines above a table: which store, how many questions, what is missing.
std::vector<std::string> describe_source(const ResultsTable& table) {
  std::set<std::string> models;
  std::set<std::string> benchmarks;
  std::int64_t most = 0;
  for (const TableRow& row : table.rows) {
    models.insert(row.model);
    benchmarks.insert(row.benchmark);
    most = std::max(most, row.questions);
  }
  std::vector<std::string> lines = {
      fmt::format("Experiment {}, store {}", table.experiment, table.store.string()),
      fmt::format("{} models, {} benchmarks, up to {} questions a row", models.size(), benchmarks.size(),
                  most)};
  if (!table.complete) {
    constexpr std::size_t kShown = 5;
    std::string line = fmt::format("INCOMPLETE: {} units are missing", table.missing_units.size());
    for (std::size_t i = 0; i < table.missing_units.size() && i < kShown; ++i) {
      line += fmt::format("{}{}", i == 0 ? " (" : "; ", table.missing_units[i]);
    }
    if (!table.missing_units.empty()) line += table.missing_units.size() > kShown ? "; ...)" : ")";
    std::replace(line.begin(), line.end(), '\n', ' ');
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string_view> list_notes(const ResultsTable& table) {
  std::vector<std::string_view> notes = {kAnswerNote, kLayerNote};
  const bool has_loglik = std::any_of(table.rows.begin(), table.rows.end(), [](const TableRow& row) {
    return row.scoring != RowScoring::kGenerate;
  });
  if (has_loglik) notes.push_back(kLoglikNote);
  return notes;
}

std::string render_markdown(const ResultsTable& table) {
  std::vector<std::vector<std::string>> lines = {readable_header()};
  for (const TableRow& row : table.rows) lines.push_back(readable_cells(row));
  constexpr std::size_t kTextColumns = 4;
  std::vector<std::size_t> widths(lines.front().size(), 3);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const std::string& line : describe_source(table)) text += line + "  \n";
  text += "\n";
  for (std::size_t number = 0; number < lines.size(); ++number) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      text += i < kTextColumns ? fmt::format("| {:<{}} ", lines[number][i], widths[i])
                               : fmt::format("| {:>{}} ", lines[number][i], widths[i]);
    }
    text += "|\n";
    if (number > 0) continue;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      text += i < kTextColumns ? fmt::format("|:{:-<{}} ", "", widths[i])
                               : fmt::format("| {:-<{}}:", "", widths[i]);
    }
    text += "|\n";
  }
  for (const std::string_view note : list_notes(table)) text += fmt::format("\n{}\n", note);
  return text;
}

// RFC 4180.
std::string quote_csv(const std::string& cell) {
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) quoted.append(c == '"' ? 2 : 1, c);
  quoted += '"';
  return quoted;
}

// Fractions with all their digits (they read back to the same doubles); an empty cell where there is no
// value.
std::string exact(std::optional<double> value) {
  return value ? fmt::format("{}", *value) : "";
}

std::string render_csv(const ResultsTable& table) {
  std::string text =
      "model,benchmark,scoring,mode,alpha,n,baseline_correct,correct,unparsed,baseline_accuracy,accuracy,"
      "accuracy_low,accuracy_high,difference,mcnemar_p,pp_layers,rg_layers,unparsed_share,complete,store\n";
  for (const TableRow& row : table.rows) {
    const bool has_pair = row.mode != LacMode::kTrace && row.questions > 0;
    const std::vector<std::string> cells = {
        row.model,
        row.benchmark,
        std::string(to_string(row.scoring)),
        std::string(to_string(row.mode)),
        fmt::format("{}", row.alpha),
        fmt::format("{}", row.questions),
        fmt::format("{}", row.baseline_correct),
        fmt::format("{}", row.correct),
        fmt::format("{}", row.unparsed),
        exact(ratio(row.baseline_correct, row.questions)),
        exact(ratio(row.correct, row.questions)),
        exact(row.accuracy ? std::optional(row.accuracy->low) : std::nullopt),
        exact(row.accuracy ? std::optional(row.accuracy->high) : std::nullopt),
        exact(ratio(row.correct - row.baseline_correct, row.questions)),
        has_pair ? exact(row.mcnemar_p) : "",
        exact(row.pp_layers),
        exact(row.rg_layers),
        exact(unparsed_share(row)),
        table.complete ? "true" : "false",
        table.store.string()};
    for (std::size_t i = 0; i < cells.size(); ++i)
      text += fmt::format("{}{}", i == 0 ? "" : ",", quote_csv(cells[i]));
    text += "\n";
  }
  return text;
}

std::string escape_latex(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '\\':
        escaped += "\\textbackslash{}";
        break;
      case '~':
        escaped += "\\textasciitilde{}";
        break;
      case '^':
        escaped += "\\textasciicircum{}";
        break;
      case '<':
        escaped += "\\textless{}";
        break;
      case '&':
      case '%':
      case '$':
      case '#':
      case '_':
      case '{':
      case '}':
        escaped += '\\';
        [[fallthrough]];
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string render_latex(const ResultsTable& table) {
  std::string text = "% needs \\usepackage{booktabs}\n";
  for (const std::string& line : describe_source(table)) text += "% " + line + "\n";
  for (const std::string_view note : list_notes(table)) text += fmt::format("% {}\n", note);
  text += "\\begin{tabular}{llllrrrrlrrrrr}\n\\toprule\n";
  const auto add_line = [&text](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      text += (i == 0 ? "" : " & ");
      const bool is_number = !cells[i].empty() && (cells[i].front() == '+' || cells[i].front() == '-');
      text += is_number && cells[i].size() > 1 ? fmt::format("${}$", cells[i]) : escape_latex(cells[i]);
    }
    text += " \\\\\n";
  };
  add_line(readable_header());
  text += "\\midrule\n";
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const TableRow& row = table.rows[i];
    const bool starts_group =
        i > 0 && (row.model != table.rows[i - 1].model || row.benchmark != table.rows[i - 1].benchmark);
    if (starts_group) text += "\\midrule\n";
    add_line(readable_cells(row));
  }
  return text + "\\bottomrule\n\\end{tabular}\n";
}

}  // namespace

TableFormat parse_table_format(std::string_view name) {
  if (name == "md") return TableFormat::kMarkdown;
  if (name == "csv") return TableFormat::kCsv;
  if (name == "latex") return TableFormat::kLatex;
  throw InputError(
      {.problem = fmt::format("unknown table format '{}'", name), .suggestion = "use one of md, csv, latex"});
}

std::string render_table(const ResultsTable& table, TableFormat format) {
  switch (format) {
    case TableFormat::kMarkdown:
      return render_markdown(table);
    case TableFormat::kCsv:
      return render_csv(table);
    case TableFormat::kLatex:
      return render_latex(table);
  }
  throw std::logic_error("unknown table format");
}

}  // namespace lacuna
