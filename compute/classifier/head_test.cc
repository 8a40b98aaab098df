#include "compute/classifier/head.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

std::vector<float> RandomVector(std::mt19937& random, size_t size) {
  std::uniform_real_distribution<float> number(-1, 1);
  std::vector<float> values(size);
  for (float& value : values) value = number(random);
  return values;
}

Head RandomHead(std::mt19937& random, int inputs, int hidden) {
  Head head;
  head.inputs = inputs;
  head.hidden = hidden;
  head.mean = RandomVector(random, inputs);
  head.inverse_std = RandomVector(random, inputs);
  head.w1 = RandomVector(random, static_cast<size_t>(hidden) * inputs);
  head.b1 = RandomVector(random, hidden);
  head.w2 = RandomVector(random, hidden > 0 ? hidden : inputs);
  head.b2 = RandomVector(random, 1)[0];
  return head;
}

// The formula above struct Head, in double, and the same with every number's
// magnitude: the scale of the rounding errors.
struct Reference {
  double logit = 0;
  double magnitude = 0;
};

Reference ReferenceLogit(const Head& head, const std::vector<float>& feature) {
  std::vector<Reference> layer;
  for (int i = 0; i < head.inputs; ++i) {
    const double z =
        (double{feature[i]} - double{head.mean[i]}) * head.inverse_std[i];
    layer.push_back({z, std::abs(z)});
  }
  if (head.hidden > 0) {
    std::vector<Reference> units;
    for (int unit = 0; unit < head.hidden; ++unit) {
      Reference sum = {head.b1[unit], std::abs(head.b1[unit])};
      for (int i = 0; i < head.inputs; ++i) {
        const double weight = head.w1[unit * head.inputs + i];
        sum.logit += weight * layer[i].logit;
        sum.magnitude += std::abs(weight) * layer[i].magnitude;
      }
      units.push_back({std::max(0.0, sum.logit), sum.magnitude});
    }
    layer = units;
  }
  Reference out = {head.b2, std::abs(head.b2)};
  for (size_t i = 0; i < layer.size(); ++i) {
    out.logit += head.w2[i] * layer[i].logit;
    out.magnitude += std::abs(head.w2[i]) * layer[i].magnitude;
  }
  return out;
}

TEST(HeadTest, AgreesWithTheFormulaAtEverySize) {
  std::mt19937 random(16);
  // Around the number of lanes, where a kernel goes wrong.
  for (const int inputs : {1, 2, 15, 16, 17, 31, 32, 33, 512}) {
    for (const int hidden : {0, 1, 15, 16, 17, 256}) {
      SCOPED_TRACE(testing::Message() << inputs << " -> " << hidden);
      const Head head = RandomHead(random, inputs, hidden);
      ASSERT_THAT(CheckHead(head), IsOk());
      const std::vector<float> feature = RandomVector(random, inputs);
      const Reference expected = ReferenceLogit(head, feature);
      // Each term passes through at most this many roundings of half an ulp:
      // two of the standardisation, and in each of two layers one product, the
      // additions of its lane, four of the tree, one of the bias. ReLU does not
      // enlarge an error.
      const double roundings = 2 + 2 * 6 + inputs / 16 + 1 + hidden / 16 + 1;
      const double tolerance =
          roundings * std::ldexp(1, -24) * expected.magnitude;
      EXPECT_NEAR(Logit(head, feature.data()), expected.logit, tolerance);
    }
  }
}

// By hand: z = ((3 - 1) x 0.5, (5 - 5) x 2) = (1, 0);
// h = relu(2 x 1 - 1, -1 x 1 + 0.5) = (1, 0); logit = 4 x 1 + 7 x 0 - 3 = 1.
TEST(HeadTest, AgreesWithACaseWorkedOutByHand) {
  Head head;
  head.inputs = 2;
  head.hidden = 2;
  head.mean = {1, 5};
  head.inverse_std = {0.5, 2};
  head.w1 = {2, 9, -1, 9};
  head.b1 = {-1, 0.5};
  head.w2 = {4, 7};
  head.b2 = -3;
  const float feature[] = {3, 5};
  EXPECT_EQ(Logit(head, feature), 1);
}

TEST(HeadTest, ManyThreadsGetTheSameBits) {
  std::mt19937 random(4);
  const Head head = RandomHead(random, 512, 256);
  const std::vector<float> feature = RandomVector(random, 512);
  const float alone = Logit(head, feature.data());
  std::vector<float> together(4);
  std::vector<std::thread> threads;
  for (float& logit : together) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) logit = Logit(head, feature.data());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(together, std::vector<float>(4, alone));
}

TEST(HeadTest, ABrokenFeatureGivesNoSaneAnswer) {
  std::mt19937 random(5);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const int hidden : {0, 16}) {
    const Head head = RandomHead(random, 3, hidden);
    const float feature[] = {0, nan, 0};
    EXPECT_TRUE(std::isnan(Logit(head, feature)));
    EXPECT_TRUE(std::isnan(Probability(Logit(head, feature))));
  }
}

// ln 3 = 1.0986123 gives odds of 3 to 1.
TEST(ProbabilityTest, IsTheLogisticFunctionWithoutOverflow) {
  EXPECT_EQ(Probability(0), 0.5);
  EXPECT_NEAR(Probability(1.0986123f), 0.75, 1e-7);
  EXPECT_EQ(Probability(1e30f), 1);
  EXPECT_EQ(Probability(-1e30f), 0);
}

TEST(CheckHeadTest, NamesTheFieldThatIsWrong) {
  std::mt19937 random(6);
  const Head good = RandomHead(random, 3, 2);
  std::map<std::string, Head> bad;
  const auto broken = [&](const std::string& field) -> Head& {
    return bad.emplace(field, good).first->second;
  };
  broken("inputs").inputs = 0;
  broken("hidden").hidden = -1;
  broken("mean").mean.pop_back();
  broken("inverse_std").inverse_std[1] = std::nanf("");
  broken("w1").w1.push_back(0);
  broken("b1").b1.clear();
  broken("w2").w2.push_back(0);
  broken("b2").b2 = std::numeric_limits<float>::infinity();
  for (const auto& [field, head] : bad) {
    SCOPED_TRACE(field);
    const absl::Status status = CheckHead(head);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                 "head: " + field + " "));
    EXPECT_EQ(ReasonOf(status), "BAD_HEAD");
    EXPECT_EQ(MetadataOf(status)["field"], field);
  }
  // Without a hidden layer w2 belongs to the inputs.
  Head plain = RandomHead(random, 3, 0);
  EXPECT_THAT(CheckHead(plain), IsOk());
  plain.w1 = {1};
  EXPECT_THAT(CheckHead(plain),
              StatusIs(absl::StatusCode::kInvalidArgument, "w1 has 1 numbers"));
}

// The sum that a logit is by definition (head.cc): lane k adds the elements k,
// k + 16, ...; then half of the lanes is added to the other half.
float PlainDot(const float* a, const float* b, size_t size) {
  float lanes[16] = {};
  for (size_t i = 0; i < size; ++i) {
    volatile const float product = a[i] * b[i];  // rounded by itself
    lanes[i % 16] += product;
  }
  for (size_t width = 8; width > 0; width /= 2) {
    for (size_t lane = 0; lane < width; ++lane) {
      lanes[lane] += lanes[lane + width];
    }
  }
  return lanes[0];
}

float PlainLogit(const Head& head, const float* feature) {
  std::vector<float> layer(head.inputs);
  for (int i = 0; i < head.inputs; ++i) {
    layer[i] = (feature[i] - head.mean[i]) * head.inverse_std[i];
  }
  if (head.hidden > 0) {
    std::vector<float> units(head.hidden);
    for (int unit = 0; unit < head.hidden; ++unit) {
      units[unit] =
          std::max(0.0f, PlainDot(&head.w1[size_t{1} * unit * head.inputs],
                                  layer.data(), head.inputs) +
                             head.b1[unit]);
    }
    layer = units;
  }
  return PlainDot(layer.data(), head.w2.data(), layer.size()) + head.b2;
}

TEST(LogitsTest, ManyTogetherAreThePlainSumsBitForBit) {
  std::mt19937 random(17);
  for (const int inputs : {1, 15, 16, 17, 33, 512}) {
    for (const int hidden : {0, 1, 3, 4, 5, 16, 18}) {
      const Head head = RandomHead(random, inputs, hidden);
      for (const size_t count : {0, 1, 3, 4, 5, 9, 16}) {
        SCOPED_TRACE(testing::Message()
                     << count << " x " << inputs << " -> " << hidden);
        const std::vector<float> features =
            RandomVector(random, count * inputs);
        std::vector<float> logits(count);
        Logits(head, features.data(), count, logits.data());
        for (size_t i = 0; i < count; ++i) {
          const float* const feature = &features[i * inputs];
          EXPECT_EQ(logits[i], PlainLogit(head, feature));
          EXPECT_EQ(logits[i], Logit(head, feature));
        }
      }
    }
  }
}

}  // namespace
}  // namespace nevus
