// Rows of state in, one action out; and random histories, in which the promises
// of the header hold at every step.
#include "services/serving/core/version_policy.h"

#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

VersionSnapshot Version(int64_t version, VersionState state) {
  VersionSnapshot snapshot;
  snapshot.id = {"m", version};
  snapshot.state = state;
  snapshot.own_bytes = 10;
  snapshot.space = "s";
  snapshot.space_bytes = 100;
  return snapshot;
}
VersionSnapshot Ready(int64_t version) {
  return Version(version, VersionState::kReady);
}
VersionSnapshot Loading(int64_t version) {
  return Version(version, VersionState::kLoading);
}
VersionSnapshot Failed(int64_t version, bool try_again) {
  VersionSnapshot snapshot = Version(version, VersionState::kFailed);
  snapshot.try_again = try_again;
  return snapshot;
}
VersionSnapshot InSpace(const std::string& space, VersionSnapshot snapshot) {
  snapshot.space = space;
  return snapshot;
}
KeptSnapshot Kept(int64_t version, bool awaited = false) {
  return {{"m", version}, awaited, /*prepared=*/false};
}

std::string Next(const ServingSnapshot& now, int64_t limit = kNoLimit) {
  const VersionAction action = NextAction(now, limit);
  switch (action.kind) {
    case VersionAction::Kind::kNone:
      return "none";
    case VersionAction::Kind::kLoad:
      return absl::StrCat("load ", action.id.version);
    case VersionAction::Kind::kUnload:
      return absl::StrCat("unload ", action.id.version);
  }
  return "";
}

TEST(VersionPolicyTest, NothingWantedNothingDone) {
  EXPECT_EQ(Next({}), "none");
}

TEST(VersionPolicyTest, WhatAnAliasWantsIsLoaded) {
  EXPECT_EQ(Next({{{"m", 1, 0}}, {}, {}}), "load 1");
  EXPECT_EQ(Next({{{"m", 1, 0}}, {}, {Loading(1)}}), "none");
  EXPECT_EQ(Next({{{"m", 1, 1}}, {}, {Ready(1)}}), "none");
}

// Promoted from 1 to 2: 1 answers until 2 is READY.
TEST(VersionPolicyTest, TheLastReadyVersionOfAnAliasStaysUntilTheNextIsReady) {
  EXPECT_EQ(Next({{{"m", 2, 1}}, {}, {Ready(1)}}), "load 2");
  EXPECT_EQ(Next({{{"m", 2, 1}}, {}, {Ready(1), Loading(2)}}), "none");
  EXPECT_EQ(Next({{{"m", 2, 1}}, {}, {Ready(1), Failed(2, false)}}), "none");
  EXPECT_EQ(Next({{{"m", 2, 2}}, {}, {Ready(1), Ready(2)}}), "unload 1");
}

TEST(VersionPolicyTest, ARefusedVersionIsTriedAgainWhenItIsTime) {
  EXPECT_EQ(Next({{{"m", 2, 1}}, {}, {Ready(1), Failed(2, true)}}), "load 2");
}

// Production went back from 2 to 1, which was kept for that.
TEST(VersionPolicyTest, ARollbackToAKeptVersionLoadsNothing) {
  EXPECT_EQ(Next({{{"m", 1, 1}}, {Kept(2)}, {Ready(1), Ready(2)}}), "none");
}

TEST(VersionPolicyTest, TwoAliasesOfOneModelEachKeepTheirs) {
  EXPECT_EQ(Next({{{"m", 2, 2}, {"m", 1, 1}}, {}, {Ready(1), Ready(2)}}),
            "none");
}

TEST(VersionPolicyTest, OneLoadsAtATimeAndAliasesComeFirst) {
  const ServingSnapshot both = {{{"m", 1, 0}}, {Kept(5, true)}, {}};
  EXPECT_EQ(Next(both), "load 1");
  EXPECT_EQ(Next({{{"m", 1, 0}}, {Kept(5, true)}, {Loading(5)}}), "none");
}

TEST(VersionPolicyTest, AKeptVersionIsLoadedOnlyWhileSomebodyWaitsForIt) {
  EXPECT_EQ(Next({{}, {Kept(5, true)}, {}}), "load 5");
  EXPECT_EQ(Next({{}, {Kept(5)}, {}}), "none");
}

TEST(VersionPolicyTest, ALoadingVersionIsNotUnloadedBeforeItEnds) {
  EXPECT_EQ(Next({{}, {}, {Loading(3)}}), "none");
  EXPECT_EQ(Next({{}, {}, {Failed(3, false)}}), "unload 3");
}

TEST(VersionPolicyTest, WhatNobodyWantsGoesAlsoWhileAnotherLoads) {
  EXPECT_EQ(Next({{{"m", 2, 0}}, {}, {Ready(1), Loading(2)}}), "unload 1");
}

TEST(VersionPolicyTest, BeyondTheLimitTheKeptOneUsedLongestAgoLeaves) {
  const ServingSnapshot now = {
      {{"m", 1, 1}},
      {Kept(3), Kept(2)},
      {Ready(1), InSpace("t", Ready(2)), InSpace("u", Ready(3))}};
  EXPECT_EQ(LoadedBytes(now), 330);
  EXPECT_EQ(Next(now, 330), "none");
  EXPECT_EQ(Next(now, 329), "unload 2");
}

TEST(VersionPolicyTest, ANetworkThatSeveralVersionsShareCountsOnce) {
  EXPECT_EQ(LoadedBytes({{}, {}, {Ready(1), Ready(2), Loading(3)}}), 120);
}

TEST(VersionPolicyTest, NoLimitTakesWhatAnAliasAnswersWithOrSomebodyAwaits) {
  EXPECT_EQ(Next({{{"m", 1, 1}}, {Kept(2, true)}, {Ready(1), Ready(2)}}, 1),
            "none");
}

TEST(VersionPolicyTest, APreparedVersionAwaitsItsPromotionBeyondTheLimit) {
  const KeptSnapshot prepared = {{"m", 2},
                                 /*awaited=*/false,
                                 /*prepared=*/true};
  EXPECT_EQ(Next({{{"m", 1, 1}}, {prepared}, {Ready(1), Ready(2)}}, 1), "none");
  EXPECT_EQ(Next({{{"m", 1, 1}}, {Kept(2)}, {Ready(1), Ready(2)}}, 1),
            "unload 2");
  // Another is loaded beside it; and alone it is no reason to load it.
  EXPECT_EQ(
      Next({{{"m", 1, 1}}, {Kept(3, true), prepared}, {Ready(1), Ready(2)}}, 1),
      "load 3");
  EXPECT_EQ(Next({{{"m", 1, 1}}, {prepared}, {Ready(1)}}, 1), "none");
}

// The shell, in five lines: what an alias wants and is READY answers for it.
void Settle(ServingSnapshot& now) {
  for (AliasSnapshot& alias : now.aliases) {
    for (const VersionSnapshot& version : now.versions) {
      if (version.id == VersionId{alias.model, alias.wanted} &&
          version.state == VersionState::kReady) {
        alias.answering = alias.wanted;
      }
    }
  }
}

TEST(VersionPolicyTest, InRandomHistoriesNoAliasEverLosesItsAnswer) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    ServingSnapshot now = {{{"m", 1, 0}, {"m", 2, 0}}, {}, {}};
    for (int step = 0; step < 200; ++step) {
      if (random() % 4 == 0) {
        now.aliases[random() % 2].wanted = 1 + random() % 5;
      }
      if (random() % 8 == 0) {
        now.kept = {Kept(1 + random() % 5, random() % 2 == 0)};
      }
      for (VersionSnapshot& version : now.versions) {
        if (version.state == VersionState::kLoading && random() % 2 == 0) {
          version.state =
              random() % 4 == 0 ? VersionState::kFailed : VersionState::kReady;
        } else if (version.state == VersionState::kFailed) {
          version.try_again = random() % 2 == 0;
        }
      }
      Settle(now);
      const VersionAction action = NextAction(now, 150);
      std::map<int64_t, VersionSnapshot> versions;
      for (const VersionSnapshot& version : now.versions) {
        versions[version.id.version] = version;
      }
      if (action.kind == VersionAction::Kind::kLoad) {
        for (const auto& [id, version] : versions) {
          ASSERT_NE(version.state, VersionState::kLoading);
        }
        versions[action.id.version] = Loading(action.id.version);
      } else if (action.kind == VersionAction::Kind::kUnload) {
        ASSERT_EQ(versions.erase(action.id.version), 1u);
      }
      now.versions.clear();
      for (const auto& [id, version] : versions)
        now.versions.push_back(version);
      for (const AliasSnapshot& alias : now.aliases) {
        if (alias.answering == 0) continue;
        ASSERT_TRUE(versions.count(alias.answering));
        ASSERT_EQ(versions[alias.answering].state, VersionState::kReady);
      }
    }
  }
}

TEST(VersionPolicyTest, AskedAgainAndAgainItComesToAnEnd) {
  ServingSnapshot now = {{{"m", 4, 1}},
                         {Kept(3), Kept(2)},
                         {Ready(1), Ready(2), Ready(3), Ready(7)}};
  std::vector<std::string> actions;
  while (Next(now, 130) != "none") {
    actions.push_back(Next(now, 130));
    ASSERT_LT(actions.size(), 10u);
    const VersionAction action = NextAction(now, 130);
    if (action.kind == VersionAction::Kind::kLoad) {
      now.versions.push_back(Ready(action.id.version));
      Settle(now);
      continue;
    }
    for (size_t i = 0; i < now.versions.size(); ++i) {
      if (now.versions[i].id == action.id) {
        now.versions.erase(now.versions.begin() + i);
      }
    }
  }
  EXPECT_EQ(actions,
            (std::vector<std::string>{"load 4", "unload 1", "unload 7"}));
}

}  // namespace
}  // namespace nevus
