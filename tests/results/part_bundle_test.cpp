#include "results/part_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstdlib>

#include "core/error.h"
#include "results/checksum_trailer.h"
#include "results/merge.h"
#include "results/part_audit.h"
#include "results/part_bundling.h"
#include "results/part_catalog.h"
#include "tests/results/synthetic_run.h"
#include "tests/results/unreadable_file.h"

namespace lacuna {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::names_in;
using ::testing::SizeIs;
using testing::SyntheticRun;
using testing::TemporaryFolder;

// A run of 24 units whose parts a test bundles, ten a bundle: two bundles and four loose parts.
class PartBundleTest : public ::testing::Test {
 protected:
  PartBundleTest() {
    made.write_manifest_file();
    made.write_parts(made.all_units());
  }

  BundlingOutcome bundle(BundlingOptions options = {.parts = 10}) const {
    return bundle_parts(made.run, made.manifest(), options);
  }
  [[nodiscard]] PartAudit audit() const { return audit_parts(made.run, made.manifest()); }
  [[nodiscard]] std::vector<std::filesystem::path> bundles() const {
    std::vector<std::filesystem::path> files;
    for (const std::string& name : names_in(made.run.parts_folder())) {
      if (name.ends_with(kBundleExtension)) files.push_back(made.run.parts_folder() / name);
    }
    return files;
  }
  [[nodiscard]] std::size_t file_count() const { return names_in(made.run.parts_folder()).size(); }
  // What a merge gives now is what the undisturbed run gives.
  void expect_same_store() const { EXPECT_EQ(content_digest(merge_run(made.run)), undisturbed_digest()); }
  static const std::string& undisturbed_digest() {
    static const std::string digest = [] {
      const TemporaryFolder scratch;
      const SyntheticRun undisturbed(scratch.path() / "run");
      undisturbed.write_manifest_file();
      undisturbed.write_parts(undisturbed.all_units());
      return content_digest(merge_run(undisturbed.run));
    }();
    return digest;
  }
  // Runs the units again that the audit misses.
  std::size_t recompute(const PartAudit& result) const {
    std::vector<std::size_t> missing;
    for (const std::size_t unit : made.all_units()) {
      if (!result.committed.contains(made.plan[unit].id)) missing.push_back(unit);
    }
    made.write_parts(missing);
    return missing.size();
  }

  TemporaryFolder folder;
  SyntheticRun made{folder.path() / "run"};
};

TEST_F(PartBundleTest, ManyPartsBecomeFewFilesAndTheStoreIsTheSame) {
  const auto loose = list_parts(made.run).by_unit();
  std::map<UnitId, std::vector<std::uint8_t>> before;
  for (const auto& [unit, places] : loose) before[unit] = read_part_bytes(places.front());
  const BundlingOutcome outcome = bundle();
  EXPECT_EQ(outcome.bundles, 2);
  EXPECT_EQ(outcome.parts, 20);
  EXPECT_EQ(file_count(), 2U + 4U);
  const auto places = list_parts(made.run).by_unit();
  ASSERT_THAT(places, SizeIs(made.plan.size()));
  for (const auto& [unit, parts] : places) {
    ASSERT_THAT(parts, SizeIs(1));
    EXPECT_EQ(find_part_problem(parts[0]), std::nullopt);
    EXPECT_EQ(read_part_bytes(parts[0]), before[unit]);
    EXPECT_EQ(open_part(parts[0]).read_scalar_attribute<std::string>("/", "unit"), unit.value());
  }
  EXPECT_THAT(committed_units(made.run), SizeIs(made.plan.size()));
  EXPECT_THAT(audit().committed, SizeIs(made.plan.size()));
  expect_same_store();
}

TEST_F(PartBundleTest, TwoImagesOpenAtOnceAreTwoFiles) {
  bundle();
  const auto places = list_parts(made.run).bundles[0];
  const Hdf5File a = open_part(locate(places.file, places.index.parts[0]));
  const Hdf5File again = open_part(locate(places.file, places.index.parts[0]));
  const std::vector<std::uint8_t> other = read_part_bytes(locate(places.file, places.index.parts[1]));
  const Hdf5File b = Hdf5File::open_image(other, a.path());
  EXPECT_EQ(a.read_scalar_attribute<std::string>("/", "unit"), places.index.parts[0].unit.value());
  EXPECT_EQ(again.read_scalar_attribute<std::string>("/", "unit"), places.index.parts[0].unit.value());
  EXPECT_EQ(b.read_scalar_attribute<std::string>("/", "unit"), places.index.parts[1].unit.value());
}

TEST_F(PartBundleTest, TooFewStayLooseAndLargeOnesToo) {
  EXPECT_EQ(bundle({.parts = 25}).bundles, 0);
  EXPECT_EQ(bundle({.parts = 10, .largest_part_bytes = 100}).bundles, 0);
  EXPECT_EQ(file_count(), made.plan.size());
  EXPECT_EQ(bundle({.parts = 24}).bundles, 1);
  EXPECT_EQ(file_count(), 1U);
}

TEST_F(PartBundleTest, ABundleClosesWhenItIsLarge) {
  const BundlingOutcome outcome = bundle({.parts = 10, .bundle_bytes = 100});
  EXPECT_EQ(outcome.bundles, static_cast<std::int64_t>(made.plan.size()));
  expect_same_store();
}

TEST_F(PartBundleTest, BundlingGoesOnWhereItStopped) {
  bundle();
  EXPECT_EQ(bundle().bundles, 0);
  EXPECT_EQ(bundle({.parts = 4}).bundles, 1);
  EXPECT_EQ(file_count(), 3U);
  expect_same_store();
}

TEST_F(PartBundleTest, AStoreStaysCurrentWhenItsPartsAreBundled) {
  merge_run(made.run);
  ASSERT_TRUE(is_store_current(made.run));
  bundle();
  EXPECT_TRUE(is_store_current(made.run));
}

TEST_F(PartBundleTest, TheEnvironmentSetsTheNumberOfParts) {
  ::setenv("LACUNA_BUNDLE_PARTS", "3", 1);
  EXPECT_EQ(BundlingOptions::from_environment().parts, 3);
  ::setenv("LACUNA_BUNDLE_PARTS", "3 parts", 1);
  EXPECT_THROW((void)BundlingOptions::from_environment(), InputError);
  ::unsetenv("LACUNA_BUNDLE_PARTS");
  EXPECT_EQ(BundlingOptions::from_environment().parts, kBundleParts);
}

// --- crashes: what a process that died leaves behind

TEST_F(PartBundleTest, ACrashWhileABundleIsWrittenLosesNothing) {
  bundle();
  const auto bytes = testing::read_bytes(bundles()[0]);
  made.write_parts({0, 1, 2});  // as if nothing had been removed yet
  testing::write_bytes(made.run.parts_folder() / ".bundle-x.bundle.host.1.tmp", bytes);
  remove_temporary_parts(made.run);
  EXPECT_THAT(bundles(), SizeIs(2));
  EXPECT_THAT(audit().committed, SizeIs(made.plan.size()));
  expect_same_store();
}

TEST_F(PartBundleTest, ACrashBeforeTheLoosePartsAreRemovedCountsNothingTwice) {
  const std::size_t before = file_count();
  std::filesystem::copy(made.run.parts_folder(), folder.path() / "kept");
  bundle();
  std::filesystem::copy(
      folder.path() / "kept", made.run.parts_folder(),
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::skip_existing);
  ASSERT_EQ(file_count(), before + 2);
  expect_same_store();  // also without an audit
  EXPECT_EQ(bundle().bundles, 0) << "a part that is bundled is not bundled again";
  const PartAudit result = audit();
  EXPECT_EQ(result.removed_doubles, 20);
  EXPECT_THAT(result.quarantined, SizeIs(0));
  EXPECT_THAT(result.committed, SizeIs(made.plan.size()));
  EXPECT_EQ(file_count(), 6U);
  expect_same_store();
}

TEST_F(PartBundleTest, ADamagedDoubleGoesAndTheBundledPartStays) {
  bundle();
  made.write_parts({3});
  testing::flip_bit(made.run.part_file(made.plan[3].id), 900);
  expect_same_store();  // the whole one is taken
  const PartAudit result = audit();
  EXPECT_THAT(result.quarantined, SizeIs(1));
  EXPECT_THAT(result.committed, SizeIs(made.plan.size()));
}

// --- damage

TEST_F(PartBundleTest, ADamagedPartInABundleIsComputedAgainAndTheOthersAreKept) {
  bundle();
  const ListedBundle hit = list_parts(made.run).bundles[0];
  const BundledPart& entry = hit.index.parts[4];
  testing::flip_bit(hit.file, entry.offset + entry.size / 2);
  const PartAudit result = audit();
  ASSERT_THAT(result.quarantined, SizeIs(1));
  EXPECT_THAT(result.quarantined[0].why,
              AllOf(HasSubstr(entry.unit.value()), HasSubstr("its checksum does not match")));
  EXPECT_EQ(result.rescued_parts, 9);
  EXPECT_THAT(bundles(), SizeIs(1));
  EXPECT_EQ(recompute(result), 1U);
  EXPECT_THAT(audit().committed, SizeIs(made.plan.size()));
  expect_same_store();
}

TEST_F(PartBundleTest, ADamagedIndexLosesNoPart) {
  bundle();
  testing::flip_bit(bundles()[0], std::filesystem::file_size(bundles()[0]) - 60);
  EXPECT_THROW(merge_run(made.run), InputError);
  const PartAudit result = audit();
  ASSERT_THAT(result.quarantined, SizeIs(1));
  EXPECT_EQ(result.quarantined[0].why, "its index does not match its checksum");
  EXPECT_EQ(result.rescued_parts, 10);
  EXPECT_EQ(recompute(result), 0U);
  expect_same_store();
}

TEST_F(PartBundleTest, ABundleThatCannotBeReadIsLeftWhereItIs) {
  bundle();
  const auto before = names_in(made.run.parts_folder());
  {
    const testing::UnreadableFile closed(bundles()[0]);
    EXPECT_THROW((void)audit(), StorageError);
  }
  EXPECT_EQ(names_in(made.run.parts_folder()), before);
  EXPECT_FALSE(std::filesystem::exists(made.run.damaged_folder()));
  EXPECT_THAT(audit().committed, SizeIs(made.plan.size()));
}

TEST_F(PartBundleTest, APartThatCannotBeReadStaysLooseAndIsNotLost) {
  const testing::UnreadableFile closed(made.run.part_file(made.plan[0].id));
  const BundlingOutcome outcome = bundle();
  EXPECT_EQ(outcome.parts, 19);
  EXPECT_THAT(outcome.lost_units, SizeIs(0));
  EXPECT_TRUE(std::filesystem::exists(made.run.part_file(made.plan[0].id)));
}

TEST_F(PartBundleTest, ATruncatedBundleKeepsWhatIsBeforeTheCut) {
  bundle();
  const ListedBundle hit = list_parts(made.run).bundles[0];
  std::filesystem::resize_file(hit.file, hit.index.parts[7].offset + 100);
  const PartAudit result = audit();
  EXPECT_THAT(result.quarantined, SizeIs(1));
  EXPECT_EQ(result.rescued_parts, 7);
  EXPECT_EQ(recompute(result), 3U);
  expect_same_store();
}

TEST_F(PartBundleTest, ACrashWhileABundleIsTakenApart) {
  bundle();
  const ListedBundle hit = list_parts(made.run).bundles[0];
  testing::flip_bit(hit.file, hit.index.parts[0].offset + 900);
  // Died after two parts were rescued; one of them is damaged by now.
  for (const std::size_t i : {1, 2}) {
    const auto bytes = read_part_bytes(locate(hit.file, hit.index.parts[i]));
    testing::write_bytes(made.run.part_file(hit.index.parts[i].unit), {bytes.begin(), bytes.end()});
  }
  testing::flip_bit(made.run.part_file(hit.index.parts[2].unit), 900);
  const PartAudit result = audit();
  EXPECT_THAT(result.quarantined, SizeIs(2));
  EXPECT_EQ(result.rescued_parts, 8);
  EXPECT_EQ(recompute(result), 1U);
  expect_same_store();
}

// Every byte counts: wherever a bit flips, the audit finds it and loses at most one part.
TEST_F(PartBundleTest, AFlippedBitAnywhereIsFound) {
  bundle({.parts = 24});
  const std::filesystem::path file = bundles()[0];
  const auto bytes = testing::read_bytes(file);
  for (std::size_t at = 0; at < bytes.size(); at += bytes.size() / 9) {
    testing::write_bytes(file, bytes);
    testing::flip_bit(file, at);
    const PartAudit result = audit();
    EXPECT_THAT(result.quarantined, SizeIs(1)) << at;
    EXPECT_GE(result.committed.size(), made.plan.size() - 1) << at;
    for (const UnitId& unit : result.committed) std::filesystem::remove(made.run.part_file(unit));
  }
}

TEST_F(PartBundleTest, ABundleOfAnotherRunGoesWhole) {
  SyntheticRun other(folder.path() / "other");
  other.fingerprint = "another";
  other.write_parts(other.all_units());
  bundle_parts(other.run, other.manifest(), {.parts = 10});
  for (const std::string& name : names_in(other.run.parts_folder())) {
    if (!name.ends_with(kBundleExtension)) continue;
    std::filesystem::copy(other.run.parts_folder() / name, made.run.parts_folder());
  }
  const PartAudit result = audit();
  EXPECT_THAT(result.quarantined, SizeIs(2));
  EXPECT_THAT(result.quarantined[0].why, HasSubstr("its run_fingerprint is 'another'"));
  EXPECT_THAT(result.committed, SizeIs(made.plan.size()));
  EXPECT_EQ(result.rescued_parts, 0);
  expect_same_store();
}

TEST_F(PartBundleTest, DamagedLoosePartsAreNotBundled) {
  testing::flip_bit(made.run.part_file(made.plan[2].id), 900);
  testing::write_bytes(made.run.part_file(made.plan[3].id),
                       testing::read_bytes(made.run.part_file(made.plan[4].id)));
  const BundlingOutcome outcome = bundle();
  EXPECT_EQ(outcome.bundles, 2);
  EXPECT_EQ(outcome.parts, 18);
  ASSERT_THAT(outcome.lost_units, SizeIs(2));
  EXPECT_EQ(outcome.lost_units[0].id, made.plan[2].id);
  EXPECT_EQ(outcome.lost_units[1].id, made.plan[3].id);
  EXPECT_THAT(outcome.quarantined, SizeIs(2));
  made.write_parts({2, 3});
  expect_same_store();
}

// Indexes are read with suspicion: their checksum says that they are whole, not who wrote them.
TEST_F(PartBundleTest, IndexesThatLieAreRefused) {
  const std::filesystem::path file = folder.path() / "x.bundle";
  const std::string head("LACUNABN\x01\0\0\0\0\0\0\0", 16);
  const auto why = [&](const std::string& text) {
    std::vector<std::uint8_t> index(text.begin(), text.end());
    const ChecksumTrailer trailer = make_checksum_trailer(index);
    std::vector<char> bytes(head.begin(), head.end());
    bytes.insert(bytes.end(), 100, 'p');
    bytes.insert(bytes.end(), text.begin(), text.end());
    bytes.insert(bytes.end(), trailer.begin(), trailer.end());
    testing::write_bytes(file, bytes);
    try {
      (void)read_bundle_index(file);
    } catch (const InputError& error) {
      return error.text().why;
    }
    return std::string("read");
  };
  const auto with_place = [](const std::string& offset, const std::string& size) {
    return R"({"format": "lacuna-bundle", "run_fingerprint": "f", "parts": [{"unit": "u", "stream": "shared",
      "first_question": 0, "question_count": 1, "offset": )" +
           offset + R"(, "size": )" + size + "}]}";
  };
  EXPECT_EQ(why(with_place("16", "100")), "read");
  EXPECT_THAT(why(with_place("16", "101")), HasSubstr("where it cannot be"));
  EXPECT_THAT(why(with_place("15", "50")), HasSubstr("where it cannot be"));
  EXPECT_THAT(why(with_place("16", "40")), HasSubstr("where it cannot be"));
  EXPECT_THAT(why(with_place("60", "18446744073709551615")), HasSubstr("where it cannot be"));
  EXPECT_THAT(why(with_place("18446744073709551615", "100")), HasSubstr("where it cannot be"));
  EXPECT_THAT(why(with_place("-1", "\"x\"")), HasSubstr("cannot be used"));
  EXPECT_THAT(why("[]"), HasSubstr("cannot be used"));
  EXPECT_THAT(why("{"), HasSubstr("cannot be used"));
  EXPECT_THAT(why(std::string(100000, '[')), HasSubstr("cannot be used"));
  testing::write_bytes(file, {'x'});
  EXPECT_THROW((void)read_bundle_index(file), InputError);
  EXPECT_THROW((void)read_bundle_index(folder.path() / "missing.bundle"), InputError);
}

// A limit on the size of files stands for a full disk.
TEST_F(PartBundleTest, AFullDiskLeavesTheLoosePartsAndNoBundle) {
  const auto before_names = names_in(made.run.parts_folder());
  ASSERT_NE(::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = 100000, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_THROW(bundle(), StorageError);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(names_in(made.run.parts_folder()), before_names);
  EXPECT_EQ(bundle().bundles, 2);
  expect_same_store();
}

}  // namespace
}  // namespace lacuna
