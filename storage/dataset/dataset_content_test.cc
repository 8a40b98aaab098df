#include "storage/dataset/dataset_content.h"

#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using absl::StatusCode;

v1::Example MakeRow(const std::string& id, v1::Split split,
                    const std::string& group, const std::string& image) {
  v1::Example row;
  row.set_id(id);
  row.set_split(split);
  row.set_label("nevus");
  row.set_group(group);
  row.set_image_digest(image);
  return row;
}

// The expected digests were computed by python3's hashlib:
//   python3 storage/dataset/testdata/digest.py
TEST(DatasetDigestTest, AgreesWithPython) {
  EXPECT_EQ(DatasetDigest({}),
            "0ce0551ab34e0237047e28b58a0b5dc7cca7576fa7e8a51f66a777553a09d449");
  std::vector<v1::Example> rows = {
      MakeRow("a", v1::TRAIN, "g1", std::string(64, '0')),
      MakeRow("b", v1::SPLIT_UNSPECIFIED, "", std::string(64, '1'))};
  (*rows[0].mutable_attributes())["sex"] = "f";
  (*rows[0].mutable_attributes())["age"] = "45";
  EXPECT_EQ(DatasetDigest(rows),
            "ce192c49c50c09d4a0ea39460c70c351dda7f5c00a076078092a55ffd7258f0b");
}

TEST(DatasetDigestTest, EveryFieldCounts) {
  const v1::Example row = MakeRow("a", v1::TRAIN, "g", "i");
  std::vector<v1::Example> others(6, row);
  others[0].set_id("b");
  others[1].set_split(v1::TEST);
  others[2].set_label("melanoma");
  others[3].set_group("h");
  others[4].set_image_digest("j");
  (*others[5].mutable_attributes())["age"] = "";
  for (const v1::Example& other : others) {
    EXPECT_NE(DatasetDigest({row}), DatasetDigest({other}))
        << other.ShortDebugString();
    if (other.id() != row.id()) continue;
    EXPECT_NE(FindConflict(row, other), "") << other.ShortDebugString();
    EXPECT_NE(FindConflict(other, row), "") << other.ShortDebugString();
  }
}

TEST(CheckSplitsTest, AGroupInTwoSplitsIsNamed) {
  EXPECT_THAT(CheckSplits({MakeRow("a", v1::TRAIN, "g", "i"),
                           MakeRow("b", v1::TRAIN, "g", "i"),
                           MakeRow("c", v1::TEST, "", "j"),
                           MakeRow("d", v1::VALIDATION, "", "k")}),
              IsOk());
  const absl::Status group = CheckSplits(
      {MakeRow("a", v1::TRAIN, "g", "i"), MakeRow("b", v1::TEST, "g", "j")});
  EXPECT_THAT(group, StatusIs(StatusCode::kFailedPrecondition,
                              "\"a\" in train and \"b\" in test"));
  EXPECT_EQ(ReasonOf(group), "GROUP_IN_TWO_SPLITS");
}

TEST(FindSharedImagesTest, AnImageInTwoSplitsIsFoundWithAllItsIds) {
  const std::vector<v1::SharedImage> shared = FindSharedImages(
      {MakeRow("a", v1::TRAIN, "", "i"), MakeRow("b", v1::TEST, "", "i"),
       MakeRow("c", v1::TRAIN, "", "i"), MakeRow("d", v1::TRAIN, "", "j"),
       MakeRow("e", v1::TRAIN, "", "j"), MakeRow("f", v1::TEST, "", "k"),
       MakeRow("g", v1::SPLIT_UNSPECIFIED, "", "k")});
  ASSERT_EQ(shared.size(), 1u);
  EXPECT_EQ(shared[0].image_digest(), "i");
  EXPECT_THAT(shared[0].example_ids(), testing::ElementsAre("a", "b", "c"));
}

TEST(CheckSplitsTest, RowsInNoSplitCannotLeak) {
  EXPECT_THAT(CheckSplits({MakeRow("a", v1::SPLIT_UNSPECIFIED, "g", "i"),
                           MakeRow("b", v1::TEST, "g", "i")}),
              IsOk());
}

TEST(FindConflictTest, AnOfferWithoutASplitHasNoWishAboutIt) {
  v1::Example stored = MakeRow("a", v1::TRAIN, "", "i");
  v1::Example offered = stored;
  offered.set_split(v1::SPLIT_UNSPECIFIED);
  EXPECT_EQ(FindConflict(stored, offered), "");
  EXPECT_NE(FindConflict(offered, stored), "");
}

}  // namespace
}  // namespace nevus
