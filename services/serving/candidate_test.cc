#include "services/serving/candidate.h"

#include <string>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

v1::Alias Make(v1::CandidateMode mode, double share) {
  v1::Alias alias;
  alias.set_model("melanoma");
  alias.set_alias("production");
  alias.set_version(3);
  alias.set_candidate_version(4);
  alias.set_candidate_mode(mode);
  alias.set_candidate_share(share);
  return alias;
}

// Of 10,000 keys.
int CountCandidate(const v1::Alias& alias) {
  int count = 0;
  for (int key = 0; key < 10'000; ++key) {
    count += ChooseVersion(alias, std::to_string(key)).is_candidate ? 1 : 0;
  }
  return count;
}

TEST(ChooseVersionTest, WithoutACandidateTheAliasAnswers) {
  v1::Alias alias;
  alias.set_version(3);
  const VersionChoice choice = ChooseVersion(alias, "a");
  EXPECT_EQ(choice.version, 3);
  EXPECT_FALSE(choice.is_candidate);
  EXPECT_EQ(choice.shadow_version, 0);
}

TEST(ChooseVersionTest, ACanaryAnswersItsShare) {
  // 10,000 x 0.1, give or take five standard deviations of 30.
  EXPECT_NEAR(CountCandidate(Make(v1::CANDIDATE_CANARY, 0.1)), 1000, 150);
  EXPECT_EQ(CountCandidate(Make(v1::CANDIDATE_CANARY, 1)), 10'000);
  const VersionChoice all = ChooseVersion(Make(v1::CANDIDATE_CANARY, 1), "a");
  EXPECT_EQ(all.version, 4);
  EXPECT_EQ(all.shadow_version, 0);
}

TEST(ChooseVersionTest, ALargerShareKeepsThoseThatHadTheCandidate) {
  const v1::Alias small = Make(v1::CANDIDATE_CANARY, 0.1);
  const v1::Alias large = Make(v1::CANDIDATE_CANARY, 0.3);
  for (int i = 0; i < 1000; ++i) {
    const std::string key = std::to_string(i);
    if (!ChooseVersion(small, key).is_candidate) continue;
    EXPECT_TRUE(ChooseVersion(large, key).is_candidate) << key;
  }
}

TEST(ChooseVersionTest, AnotherCandidateFindsOtherKeys) {
  const v1::Alias four = Make(v1::CANDIDATE_CANARY, 0.5);
  v1::Alias five = four;
  five.set_candidate_version(5);
  int same = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string key = std::to_string(i);
    same += ChooseVersion(four, key).is_candidate ==
                    ChooseVersion(five, key).is_candidate
                ? 1
                : 0;
  }
  EXPECT_NEAR(same, 500, 80);
}

TEST(ChooseVersionTest, AShadowAnswersNothing) {
  const VersionChoice choice =
      ChooseVersion(Make(v1::CANDIDATE_SHADOW, 1), "a");
  EXPECT_EQ(choice.version, 3);
  EXPECT_FALSE(choice.is_candidate);
  EXPECT_EQ(choice.shadow_version, 4);
}

// The place is 0.64805, by python3:
//   h = hashlib.sha256(b"melanoma@production 4 a").digest()[:8]
//   (int.from_bytes(h, "little") >> 11) / 2**53
TEST(ChooseVersionTest, TheChoiceIsTheSameOnEveryMachine) {
  EXPECT_TRUE(
      ChooseVersion(Make(v1::CANDIDATE_CANARY, 0.6481), "a").is_candidate);
  EXPECT_FALSE(
      ChooseVersion(Make(v1::CANDIDATE_CANARY, 0.6480), "a").is_candidate);
}

TEST(CheckKeyTest, AKeyIsShort) {
  EXPECT_THAT(CheckKey(std::string(200, 'a')), IsOk());
  EXPECT_EQ(ReasonOf(CheckKey(std::string(201, 'a'))), "KEY_TOO_LONG");
}

}  // namespace
}  // namespace nevus
