#include "services/extraction/calibration_sample.h"

#include <algorithm>
#include <set>

namespace nevus {

std::vector<std::string> SampleForCalibration(
    const std::vector<v1::Example>& examples, size_t count) {
  std::set<std::string> train, other, test;
  for (const v1::Example& example : examples) {
    std::set<std::string>& images = example.split() == v1::TRAIN  ? train
                                    : example.split() == v1::TEST ? test
                                                                  : other;
    images.insert(example.image_digest());
  }
  std::vector<std::string> sample;
  for (const std::string& image : train.empty() ? other : train) {
    if (sample.size() == count) break;
    if (test.count(image) == 0) sample.push_back(image);
  }
  return sample;
}

}  // namespace nevus
