#include "storage/feature/choice_store.h"

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

const ChoiceSubject kSubject = {"isic", std::string(64, 'a'), "block5_pool"};

TEST(ChoiceStoreTest, NothingIsKeptAtFirst) {
  MemoryStore memory;
  const ChoiceStore store(memory);
  EXPECT_EQ(store.FindCalibration(kSubject).value(), std::nullopt);
  EXPECT_EQ(store.FindChoice(kSubject, "avg").value(), std::nullopt);
}

TEST(ChoiceStoreTest, WhatIsKeptIsOfItsSubjectAlone) {
  MemoryStore memory;
  ChoiceStore store(memory);
  v1::StoredCalibration calibration;
  calibration.add_ranges()->set_layer("block1_conv1");
  calibration.mutable_ranges(0)->set_range(2.5f);
  v1::StoredChoice choice;
  choice.set_arithmetic("int8");
  ASSERT_THAT(store.Keep(kSubject, calibration), IsOk());
  ASSERT_THAT(store.Keep(kSubject, "avg", choice), IsOk());
  EXPECT_EQ(store.FindCalibration(kSubject).value()->ranges(0).range(), 2.5f);
  EXPECT_EQ(store.FindChoice(kSubject, "avg").value()->arithmetic(), "int8");
  EXPECT_EQ(store.FindChoice(kSubject, "max").value(), std::nullopt);
  for (const ChoiceSubject& other :
       {ChoiceSubject{"isi", kSubject.backbone, kSubject.cut},
        ChoiceSubject{"isic", std::string(64, 'b'), kSubject.cut},
        ChoiceSubject{"isic", kSubject.backbone, "block5_conv3"}}) {
    EXPECT_EQ(store.FindCalibration(other).value(), std::nullopt);
    EXPECT_EQ(store.FindChoice(other, "avg").value(), std::nullopt);
  }
}

}  // namespace
}  // namespace nevus
