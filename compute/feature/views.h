// The eight dihedral views of an image: a lesion has no up and no left. They
// are made from the network's input, which is square, so that one read, one
// decoding and one resizing serve all eight, exactly. Knows no network.
#ifndef NEVUS_COMPUTE_FEATURE_VIEWS_H_
#define NEVUS_COMPUTE_FEATURE_VIEWS_H_

namespace nevus {

// Writes view number `view` of channels x side x side floats to `to`, which
// must not overlap `from`. View 0 is the image; bit 0 of `view` mirrors left
// and right, bit 1 top and bottom, bit 2 swaps rows and columns before both:
// all eight flips and quarter turns, 0 to 7.
void MakeView(const float* from, int channels, int side, int view, float* to);

// The mean of `views` features of `dimension` floats that follow each other,
// summed in double and rounded once: their order changes nothing.
void MeanOfViews(const float* features, int views, int dimension, float* mean);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_FEATURE_VIEWS_H_
