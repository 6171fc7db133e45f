"""Tags and embeddings of single persons by induction: what a version learned, applied to what is known of them now.

With each version that trained networks a scorer is saved, plain arrays beside the other files (`online-…`, see `files`): all that
the channels take from contents, labels and references, so that a person's row of engagement is enough for their probabilities.
Nothing is trained; who was not touched keeps, to rounding, what the training gave.

Nobody's own labels or tagging events reach their own input here either: everybody is seen through the view that hides the fold
of whatever the training knew of their devices and accounts. Who by now is made of persons of different folds is seen through no
view, and keeps what they had until the next training.

Files with a row or more of a person, which an erasure has to rewrite or remove beside persons.parquet, probabilities.npy,
embeddings.npy, labels.parquet and recommender-*.npy: engagement-*.npy, online-relations-*.npy, online-relation-axes.npy,
online-members.npy (keyless hashes of kind and id), online-folds.npy, and refreshed/*.parquet. There is no erasure yet; removing
the version (`tessera model remove`) removes them all.
"""
