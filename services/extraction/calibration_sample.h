// Which images of a dataset a backbone is tried on. Pure.
#ifndef NEVUS_SERVICES_EXTRACTION_CALIBRATION_SAMPLE_H_
#define NEVUS_SERVICES_EXTRACTION_CALIBRATION_SAMPLE_H_

#include <string>
#include <vector>

#include "protos/nevus/v1/dataset.pb.h"

namespace nevus {

// The digests of up to `count` images of the train split, or, if it is empty,
// of all rows but those of the test split, which no choice may rest on. The
// first in order of digest: a digest is as good as a draw, and the same rows
// give the same sample.
std::vector<std::string> SampleForCalibration(
    const std::vector<v1::Example>& examples, size_t count);

}  // namespace nevus

#endif  // NEVUS_SERVICES_EXTRACTION_CALIBRATION_SAMPLE_H_
