#include "results/trace_file.h"

#include <fmt/format.h>

#include <stdexcept>

#include "core/error.h"
#include "results/durable_file.h"
#include "results/hdf5_file.h"

namespace lacuna {

namespace {

void check_size(const char* name, std::size_t found, std::int64_t expected) {
  if (static_cast<std::int64_t>(found) != expected) {
    throw std::logic_error(
        fmt::format("trace file: {} has {} elements instead of {}", name, found, expected));
  }
}

// T, from the token ids; V, from the logits.
std::int64_t divide(std::size_t elements, std::int64_t rows) {
  return rows == 0 ? 0 : static_cast<std::int64_t>(elements) / rows;
}

class Writer {
 public:
  Writer(Hdf5File& file) : file_(file) {}

  template <class T>
  void write(const std::string& path, const std::vector<std::int64_t>& shape, const std::vector<T>& values,
             const std::string& axes, const std::string& units) {
    std::int64_t elements = 1;
    std::int64_t row_elements = 1;
    for (const std::int64_t size : shape) elements *= size;
    for (std::size_t axis = 1; axis < shape.size(); ++axis) row_elements *= shape[axis];
    check_size(path.c_str(), values.size(), elements);
    file_.write(path, shape, values,
                Hdf5Layout::compressed(row_elements * static_cast<std::int64_t>(sizeof(T))));
    file_.write_attribute(path, "axes", axes);
    file_.write_attribute(path, "units", units);
  }

 private:
  Hdf5File& file_;
};

Hdf5File build(const std::filesystem::path& name, const TraceFile& trace) {
  const auto alphas = static_cast<std::int64_t>(trace.alpha.size());
  const auto tokens = static_cast<std::int64_t>(trace.input_ids.size());
  const std::int64_t layers = trace.layers;
  const std::int64_t steps = divide(trace.rg_token_ids.size(), alphas);
  const bool per_alpha = trace.mode == LacMode::kPropagate;
  Hdf5File file = Hdf5File::create_in_memory(name);
  file.write_attribute("/", "mode", std::string(to_string(trace.mode)));
  file.write_attribute("/", "model", trace.model);
  file.write_attribute("/", "dtype", trace.dtype);
  file.write_attribute("/", "layers", layers);
  Writer writer(file);
  writer.write("/input_ids", {tokens}, trace.input_ids, "token", "token id");
  writer.write("/alpha", {alphas}, trace.alpha, "alpha", "1");
  const std::string activity = "1 active, 0 void";
  const std::string exit_layer = "last active layer, -1 none";
  if (per_alpha) {
    writer.write("/pp/norms", {alphas, tokens, layers + 1}, trace.pp_norms,
                 "alpha, token, state (embedding first)", "L2 norm of the layer's candidate output");
  } else {
    writer.write("/pp/norms", {tokens, layers + 1}, trace.pp_norms, "token, state (embedding first)",
                 "L2 norm");
  }
  writer.write("/pp/active", {alphas, tokens, layers}, trace.pp_active, "alpha, token, layer", activity);
  writer.write("/pp/exit_layer", {alphas, tokens}, trace.pp_exit_layer, "alpha, token", exit_layer);
  writer.write("/rg/token_ids", {alphas, steps}, trace.rg_token_ids, "alpha, step",
               "id of the token fed to the step");
  writer.write("/rg/active", {alphas, steps, layers}, trace.rg_active, "alpha, step, layer", activity);
  writer.write("/rg/exit_layer", {alphas, steps}, trace.rg_exit_layer, "alpha, step", exit_layer);
  if (!trace.pp_last_logits.empty() || !trace.rg_logits.empty()) {
    const std::int64_t vocabulary = divide(trace.pp_last_logits.size(), alphas);
    writer.write("/pp/last_logits", {alphas, vocabulary}, trace.pp_last_logits, "alpha, vocabulary", "logit");
    writer.write("/rg/logits", {alphas, steps, vocabulary}, trace.rg_logits, "alpha, step, vocabulary",
                 "logit");
  }
  return file;
}

}  // namespace

void write_trace_file(const std::filesystem::path& file, const TraceFile& trace) {
  check_place_of(file);
  write_file_durably(file, {build(file, trace).image()});
}

}  // namespace lacuna
