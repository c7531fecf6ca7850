// FORMAT.md names every dataset and attribute of the schema.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <span>
#include <string>

#include "results/schema.h"
#include "tests/results/synthetic_run.h"

namespace lacuna {
namespace {

TEST(FormatDocument, NamesEverythingInTheSchema) {
  const std::vector<char> bytes = testing::read_bytes("results/FORMAT.md");
  const std::string document(bytes.begin(), bytes.end());
  ASSERT_FALSE(document.empty());
  std::vector<std::string> names = {schema::kFormatAttribute,
                                    schema::kMajorAttribute,
                                    schema::kMinorAttribute,
                                    schema::kKindAttribute,
                                    schema::kUnitAttribute,
                                    schema::kStreamAttribute,
                                    schema::kFirstQuestionAttribute,
                                    schema::kQuestionCountAttribute,
                                    schema::kFingerprintAttribute,
                                    schema::kCompleteAttribute,
                                    schema::kLayersAttribute,
                                    schema::kUnitsAttribute,
                                    schema::kManifest,
                                    schema::kMissingUnitIds,
                                    schema::kMissingUnitReasons,
                                    std::string(schema::kAlpha),
                                    std::string(schema::kLayer),
                                    std::string(schema::kState),
                                    std::string(schema::kLayerByte),
                                    std::string(schema::kFormatName)};
  const auto add = [&names](std::span<const schema::Column> columns) {
    for (const schema::Column& column : columns) names.emplace_back(column.name);
  };
  add(schema::kQuestionColumns);
  add(schema::kPromptColumns);
  add(schema::kResponseColumns);
  add(schema::kGenerationColumns);
  add(schema::kLoglikColumns);
  add(schema::kPrefillTimingColumns);
  add(schema::kDecodeTimingColumns);
  for (const std::string& name : names) {
    EXPECT_NE(document.find(fmt::format("`{}`", name)), std::string::npos) << name;
  }
  EXPECT_NE(document.find(fmt::format("`{}/<model>/<benchmark>`", schema::kResults)), std::string::npos);
}

}  // namespace
}  // namespace lacuna
