#include "services/ingestion/split.h"

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using testing::ElementsAre;
using testing::Pair;

// With an image of its own.
v1::Example Row(const std::string& id, const std::string& label,
                const std::string& group = "") {
  v1::Example row;
  row.set_id(id);
  row.set_label(label);
  row.set_group(group);
  row.set_image_digest("image of " + id);
  return row;
}

// `count` rows of `label` without groups, in order of id.
std::vector<v1::Example> Rows(int count, const std::string& label) {
  std::vector<v1::Example> rows;
  for (int i = 0; i < count; ++i) {
    rows.push_back(Row(absl::StrFormat("%s-%05d", label, i), label));
  }
  return rows;
}

std::map<v1::Split, int> Count(const std::map<std::string, v1::Split>& splits) {
  std::map<v1::Split, int> counts;
  for (const auto& [id, split] : splits) ++counts[split];
  return counts;
}

TEST(DrawSplitsTest, TheNumberOfEachLabelIsWithinOneOfItsFraction) {
  for (const SplitFractions& fractions :
       {SplitFractions{0.7, 0.15, 0.15},
        SplitFractions{1.0 / 3, 1.0 / 3, 1.0 / 3}, SplitFractions{0.9, 0, 0.1},
        SplitFractions{0.8, 0.2, 0}}) {
    for (int melanomas = 1; melanomas < 40; ++melanomas) {
      SCOPED_TRACE(absl::StrCat(fractions.train, " of ", melanomas));
      std::vector<v1::Example> rows = Rows(melanomas, "melanoma");
      for (v1::Example& row : Rows(101, "nevus")) rows.push_back(row);
      const auto splits = DrawSplits(rows, fractions, 7);
      ASSERT_THAT(splits, IsOk());
      ASSERT_EQ(splits->size(), rows.size());
      std::map<std::string, std::map<v1::Split, int>> counts;
      for (const v1::Example& row : rows) {
        ++counts[row.label()][splits->at(row.id())];
      }
      for (auto& [label, count] : counts) {
        const int all = label == "nevus" ? 101 : melanomas;
        EXPECT_LE(std::abs(count[v1::TRAIN] - all * fractions.train), 1);
        EXPECT_LE(std::abs(count[v1::VALIDATION] - all * fractions.validation),
                  1);
        EXPECT_LE(std::abs(count[v1::TEST] - all * fractions.test), 1);
        EXPECT_EQ(count[v1::SPLIT_UNSPECIFIED], 0);
      }
    }
  }
}

TEST(DrawSplitsTest, AFractionOfZeroTakesNothing) {
  const auto all_train = DrawSplits(Rows(1001, "nevus"), {1, 0, 0}, 3);
  ASSERT_THAT(all_train, IsOk());
  EXPECT_THAT(Count(*all_train), ElementsAre(Pair(v1::TRAIN, 1001)));
  // 0.7 + 0.3 is not exactly 1 after 0.1 was added seven and three times.
  double seven = 0, three = 0;
  for (int i = 0; i < 7; ++i) seven += 0.1;
  for (int i = 0; i < 3; ++i) three += 0.1;
  const auto no_test = DrawSplits(Rows(1001, "nevus"), {seven, three, 0}, 3);
  ASSERT_THAT(no_test, IsOk());
  EXPECT_THAT(Count(*no_test),
              ElementsAre(Pair(v1::TRAIN, 701), Pair(v1::VALIDATION, 300)));
}

TEST(DrawSplitsTest, AGroupFallsWholeIntoOneSplit) {
  std::vector<v1::Example> rows;
  for (int i = 0; i < 300; ++i) {
    rows.push_back(Row(absl::StrFormat("%05d", i), i % 7 ? "nevus" : "melanoma",
                       absl::StrCat("patient ", i % 90)));
  }
  const auto splits = DrawSplits(rows, {0.6, 0.2, 0.2}, 1);
  ASSERT_THAT(splits, IsOk());
  std::map<std::string, std::set<v1::Split>> of_group;
  for (const v1::Example& row : rows) {
    of_group[row.group()].insert(splits->at(row.id()));
  }
  for (const auto& [group, in] : of_group) EXPECT_EQ(in.size(), 1u) << group;
}

TEST(DrawSplitsTest, AnImageInSeveralGroupsDrawsThemTogether) {
  // a and b share a patient, b and c an image, c and d a patient.
  std::vector<v1::Example> rows = {
      Row("a", "nevus", "p"), Row("b", "nevus", "p"), Row("c", "nevus", "q"),
      Row("d", "nevus", "q"), Row("e", "nevus", "r")};
  rows[2].set_image_digest(rows[1].image_digest());
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    const auto splits = DrawSplits(rows, {0.5, 0, 0.5}, seed);
    ASSERT_THAT(splits, IsOk());
    for (const char* id : {"b", "c", "d"}) {
      EXPECT_EQ(splits->at(id), splits->at("a"));
    }
    EXPECT_NE(splits->at("e"), splits->at("a"));
  }
}

TEST(DrawSplitsTest, AGroupOfSeveralLabelsCountsAsTheRarest) {
  // Ten patients, each with one melanoma and nine naevi; ninety with a naevus.
  std::vector<v1::Example> rows;
  for (int i = 0; i < 100; ++i) {
    const std::string patient = absl::StrFormat("%03d", i);
    for (int k = 0; k < (i % 10 ? 1 : 10); ++k) {
      rows.push_back(Row(absl::StrCat(patient, "-", k),
                         k == 4 ? "melanoma" : "nevus", patient));
    }
  }
  const auto splits = DrawSplits(rows, {0.6, 0.2, 0.2}, 5);
  ASSERT_THAT(splits, IsOk());
  std::map<v1::Split, int> melanomas;
  for (const v1::Example& row : rows) {
    if (row.label() == "melanoma") ++melanomas[splits->at(row.id())];
  }
  EXPECT_THAT(melanomas,
              ElementsAre(Pair(v1::TRAIN, 6), Pair(v1::VALIDATION, 2),
                          Pair(v1::TEST, 2)));
}

TEST(DrawSplitsTest, TheSeedDecides) {
  const std::vector<v1::Example> rows = Rows(200, "nevus");
  const auto one = DrawSplits(rows, {0.5, 0.25, 0.25}, 1);
  EXPECT_EQ(*one, *DrawSplits(rows, {0.5, 0.25, 0.25}, 1));
  EXPECT_NE(*one, *DrawSplits(rows, {0.5, 0.25, 0.25}, 2));
}

// From /usr/bin/python3, which makes it another machine's draw too:
//   from hashlib import sha256
//   f = lambda s: len(s).to_bytes(8, 'little') + s.encode()
//   d = lambda i: sha256(f('nevus split 1') + f('42') + f(i)).hexdigest()
//   print(sorted('abcdefgh', key=d))
TEST(DrawSplitsTest, TheOrderIsThatOfTheDocumentedHash) {
  std::vector<v1::Example> rows;
  for (const char* id : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
    rows.push_back(Row(id, "nevus"));
  }
  const auto splits = DrawSplits(rows, {0.5, 0.25, 0.25}, 42);
  ASSERT_THAT(splits, IsOk());
  const std::string order = "fgcdbeah";
  for (size_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(splits->at(order.substr(i, 1)), i < 4   ? v1::TRAIN
                                              : i < 6 ? v1::VALIDATION
                                                      : v1::TEST)
        << order[i];
  }
}

TEST(DrawSplitsTest, NothingIsDrawnFromNothing) {
  const auto splits = DrawSplits({}, {0.5, 0.25, 0.25}, 42);
  ASSERT_THAT(splits, IsOk());
  EXPECT_TRUE(splits->empty());
}

TEST(DrawSplitsTest, FractionsThatAreNoSharesAreRefused) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const SplitFractions& fractions :
       {SplitFractions{0, 0, 0}, SplitFractions{0.5, 0.5, 0.1},
        SplitFractions{1.2, -0.2, 0}, SplitFractions{nan, 0.5, 0.5},
        SplitFractions{0.7, 0.1, 0.1}}) {
    const absl::Status status =
        DrawSplits(Rows(3, "nevus"), fractions, 0).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                 "together they are 1"));
    EXPECT_EQ(ReasonOf(status), "FRACTIONS_INVALID");
  }
}

}  // namespace
}  // namespace nevus
