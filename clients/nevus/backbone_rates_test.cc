#include "clients/nevus/backbone_rates.h"

#include "gtest/gtest.h"

namespace nevus {
namespace {

v1::FeatureSpace Space(const std::string& digest, const std::string& backbone) {
  v1::FeatureSpace space;
  space.set_digest(digest);
  space.set_backbone_digest(backbone);
  return space;
}

v1::Job Extraction(const std::string& space, int images, int seconds,
                   v1::JobState state = v1::SUCCEEDED) {
  v1::Job job;
  job.set_kind(v1::EXTRACTION);
  job.set_state(state);
  job.set_result(space);
  job.mutable_progress()->set_done(images);
  job.mutable_start_time()->set_seconds(1000);
  job.mutable_end_time()->set_seconds(1000 + seconds);
  return job;
}

TEST(BackboneRatesTest, TheNewestExtractionThatComputedSomethingCounts) {
  const std::map<std::string, double> rates =
      RatesByBackbone({Extraction("s1", 0, 2), Extraction("s2", 300, 20),
                       Extraction("s1", 100, 20), Extraction("s3", 50, 10)},
                      {Space("s1", "vgg"), Space("s2", "vgg"),
                       Space("s3", "resnet"), Space("s4", "unused")});
  EXPECT_EQ(rates, (std::map<std::string, double>{{"vgg", 15}, {"resnet", 5}}));
}

TEST(BackboneRatesTest, WhatDidNotEndOrIsNoExtractionDoesNotCount) {
  v1::Job training = Extraction("s1", 100, 10);
  training.set_kind(v1::TRAINING);
  v1::Job no_task = Extraction("s1", 100, 10);
  no_task.clear_start_time();
  EXPECT_TRUE(RatesByBackbone({training, no_task, Extraction("s1", 100, 0),
                               Extraction("s1", 100, 10, v1::RUNNING),
                               Extraction("s1", 100, 10, v1::FAILED),
                               Extraction("deleted", 100, 10)},
                              {Space("s1", "vgg")})
                  .empty());
}

}  // namespace
}  // namespace nevus
