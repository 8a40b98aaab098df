#include "compute/classifier/calibration.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/classifier/head.h"
#include "compute/classifier/testdata/calibration_golden.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

std::vector<Scored> Cases(const CalibrationGolden& golden) {
  std::vector<Scored> cases;
  for (size_t i = 0; i < golden.logits.size(); ++i) {
    cases.push_back({golden.logits[i], golden.labels[i] == 1});
  }
  return cases;
}

// Truths drawn with the probability that `truth` makes of the logit.
template <typename Truth>
std::vector<Scored> Draw(int count, Truth truth) {
  std::mt19937 random(7);
  std::normal_distribution<double> normal(0, 2);
  std::uniform_real_distribution<double> uniform;
  std::vector<Scored> cases;
  for (int i = 0; i < count; ++i) {
    const double logit = normal(random);
    cases.push_back({logit, uniform(random) < truth(logit)});
  }
  return cases;
}

TEST(CalibrationTest, FitsAgreeWithScikitLearnAndSciPy) {
  for (const CalibrationGolden& golden : kCalibrationGoldens) {
    SCOPED_TRACE(golden.name);
    // What SciPy's minimisers leave: theirs stop at a gradient of 1e-5.
    constexpr double kTolerance = 1e-5;
    EXPECT_NEAR(FitTemperature(Cases(golden)).value().slope,
                golden.temperature_slope, kTolerance);
    const ScoreCalibration platt = FitPlatt(Cases(golden)).value();
    EXPECT_NEAR(platt.slope, golden.platt_slope, kTolerance);
    EXPECT_NEAR(platt.intercept, golden.platt_intercept, kTolerance);
    const ScoreCalibration isotonic = FitIsotonic(Cases(golden)).value();
    EXPECT_THAT(CheckCalibration(isotonic), IsOk());
    for (size_t i = 0; i < kCalibrationProbes.size(); ++i) {
      EXPECT_NEAR(
          Calibrated(isotonic, static_cast<float>(kCalibrationProbes[i])),
          golden.isotonic[i], 1e-7);
    }
  }
}

TEST(CalibrationTest, CrossValidatedLossesAgreeWithScikitLearn) {
  for (const CalibrationGolden& golden : kCalibrationGoldens) {
    SCOPED_TRACE(golden.name);
    const ChosenCalibration chosen = ChooseCalibration(Cases(golden)).value();
    // Too few cases for isotonic.
    ASSERT_EQ(chosen.candidates.size(), 3u);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(chosen.candidates[i].log_loss, golden.cross_validated[i],
                  1e-6);
    }
  }
}

TEST(CalibrationTest, TheSimplestWithinAnErrorOfTheBestWins) {
  const auto method = [](const CalibrationGolden& golden) {
    return ChooseCalibration(Cases(golden)).value().calibration.method;
  };
  EXPECT_EQ(method(kCalibrationGoldens[0]), CalibrationMethod::kPlatt);
  EXPECT_EQ(method(kCalibrationGoldens[1]), CalibrationMethod::kTemperature);
  EXPECT_EQ(method(kCalibrationGoldens[2]), CalibrationMethod::kNone);
}

TEST(CalibrationTest, IsotonicWinsWhereNoSigmoidFitsAndCasesAreMany) {
  // A step no sigmoid of this logit can have.
  const auto step = [](double logit) {
    return logit < -1 ? 0.05 : logit < 2 ? 0.3 : 0.35;
  };
  EXPECT_EQ(ChooseCalibration(Draw(5000, step)).value().calibration.method,
            CalibrationMethod::kIsotonic);
  const ChosenCalibration few = ChooseCalibration(Draw(999, step)).value();
  for (const CalibrationCandidate& candidate : few.candidates) {
    EXPECT_NE(candidate.method, CalibrationMethod::kIsotonic);
  }
}

TEST(CalibrationTest, NineOfAClassCalibrateNothing) {
  std::vector<Scored> cases;
  for (int i = 0; i < 100; ++i) cases.push_back({0.05 * (i - 91), i >= 91});
  const ChosenCalibration nine = ChooseCalibration(cases).value();
  ASSERT_EQ(nine.candidates.size(), 1u);
  EXPECT_EQ(nine.calibration.method, CalibrationMethod::kNone);
  cases.push_back({4, true});
  EXPECT_EQ(ChooseCalibration(cases).value().candidates.size(), 3u);
}

TEST(CalibrationTest, CopiesInAGroupAreNoFurtherWitnesses) {
  const std::vector<Scored> cases = Cases(kCalibrationGoldens[0]);
  const ChosenCalibration alone = ChooseCalibration(cases).value();
  std::vector<Scored> twice;
  std::vector<std::string> groups;
  for (size_t i = 0; i < cases.size(); ++i) {
    for (int copy = 0; copy < 2; ++copy) {
      twice.push_back(cases[i]);
      groups.push_back("lesion " + std::to_string(i));
    }
  }
  const ChosenCalibration grouped = ChooseCalibration(twice, groups).value();
  ASSERT_EQ(grouped.candidates.size(), alone.candidates.size());
  // Temperature's and Platt's targets are smoothed by counts of cases, which
  // are twice as many: the only difference.
  EXPECT_NEAR(grouped.candidates[0].log_loss, alone.candidates[0].log_loss,
              1e-12);
  for (size_t i = 1; i < alone.candidates.size(); ++i) {
    EXPECT_NEAR(grouped.candidates[i].log_loss, alone.candidates[i].log_loss,
                2e-3);
    EXPECT_NEAR(grouped.candidates[i].excess_error,
                alone.candidates[i].excess_error, 2e-3);
  }
  // Taken for witnesses of their own, they would narrow the error by sqrt(2).
  const double error = alone.candidates[0].excess_error;
  EXPECT_NEAR(ChooseCalibration(twice).value().candidates[0].excess_error,
              error / std::sqrt(2.0), 0.1 * error);
}

TEST(CalibrationTest, GroupsCountForTheLeastOfAClass) {
  std::vector<Scored> cases;
  std::vector<std::string> groups;
  for (int i = 0; i < 100; ++i) {
    cases.push_back({0.05 * (i - 80), i >= 80});
    groups.push_back(i < 80 ? "" : "lesion " + std::to_string(i / 2));
  }
  EXPECT_EQ(ChooseCalibration(cases, groups).value().candidates.size(), 3u);
  // Two lesions become one: nine positive groups.
  groups[82] = groups[83] = groups[80];
  EXPECT_EQ(ChooseCalibration(cases, groups).value().candidates.size(), 1u);
}

TEST(CalibrationTest, WorseThanChanceIsNotTurnedRound) {
  std::vector<Scored> cases;
  for (int i = 0; i < 100; ++i) cases.push_back({0.1 * (i - 50), i < 50});
  EXPECT_FALSE(FitTemperature(cases).has_value());
  EXPECT_FALSE(FitPlatt(cases).has_value());
  EXPECT_FALSE(FitIsotonic(cases).has_value());
  EXPECT_EQ(ChooseCalibration(cases).value().calibration.method,
            CalibrationMethod::kNone);
}

TEST(CalibrationTest, PartedClassesGetNoCertainty) {
  std::vector<Scored> cases;
  for (int i = 0; i < 40; ++i) cases.push_back({i < 20 ? -9.0 : 9.0, i >= 20});
  // Smoothed targets: 21 of 22 and 1 of 22, met exactly by two numbers.
  const ScoreCalibration platt = FitPlatt(cases).value();
  EXPECT_NEAR(Calibrated(platt, 9), 21.0 / 22, 1e-9);
  EXPECT_NEAR(Calibrated(platt, -9), 1.0 / 22, 1e-9);
  EXPECT_NEAR(Calibrated(FitIsotonic(cases).value(), 9), 41.0 / 42, 1e-12);
}

TEST(CalibrationTest, NoneHasTheBitsOfTheHead) {
  for (const float logit : {-30.f, -0.1f, 0.f, 1.7f, 90.f}) {
    EXPECT_EQ(Calibrated(ScoreCalibration(), logit), Probability(logit));
  }
}

TEST(CalibrationTest, ItNeverFallsAndStaysInUnit) {
  for (const CalibrationGolden& golden : kCalibrationGoldens) {
    for (const auto& fit :
         {FitTemperature(Cases(golden)), FitPlatt(Cases(golden)),
          FitIsotonic(Cases(golden))}) {
      double before = 0;
      for (float logit = -40; logit < 40; logit += 0.01f) {
        const double now = Calibrated(fit.value(), logit);
        ASSERT_GE(now, before);
        ASSERT_LE(now, 1);
        before = now;
      }
      EXPECT_TRUE(std::isnan(
          Calibrated(*fit, std::numeric_limits<float>::quiet_NaN())));
    }
  }
}

TEST(CalibrationTest, NamesComeBack) {
  for (const char* name : {"none", "temperature", "platt", "isotonic"}) {
    EXPECT_STREQ(CalibrationName(ParseCalibration(name).value()), name);
  }
  EXPECT_EQ(ReasonOf(ParseCalibration("beta").status()), "CALIBRATION_UNKNOWN");
}

TEST(CalibrationTest, ACalibrationThatWasReadIsChecked) {
  ScoreCalibration calibration;
  calibration.slope = -1;
  EXPECT_EQ(ReasonOf(CheckCalibration(calibration)), "CALIBRATION_INVALID");
  calibration = ScoreCalibration();
  calibration.intercept = std::numeric_limits<double>::infinity();
  EXPECT_EQ(ReasonOf(CheckCalibration(calibration)), "CALIBRATION_INVALID");
  calibration = ScoreCalibration();
  calibration.method = CalibrationMethod::kIsotonic;
  EXPECT_THAT(CheckCalibration(calibration),
              StatusIs(absl::StatusCode::kInvalidArgument, "0 knots"));
  calibration.knot_logits = {0, 1};
  calibration.knot_probabilities = {0.5, 0.4};
  EXPECT_THAT(CheckCalibration(calibration),
              StatusIs(absl::StatusCode::kInvalidArgument, "knot 1"));
  calibration.knot_probabilities = {0.4, 0.5};
  EXPECT_THAT(CheckCalibration(calibration), IsOk());
}

TEST(CalibrationTest, CasesThatTeachNothingAreRefused) {
  EXPECT_EQ(ReasonOf(ChooseCalibration({{1, true}}).status()), "CLASS_MISSING");
  EXPECT_EQ(ReasonOf(ChooseCalibration({{1, true}, {NAN, false}}).status()),
            "LOGIT_NOT_FINITE");
}

}  // namespace
}  // namespace nevus
