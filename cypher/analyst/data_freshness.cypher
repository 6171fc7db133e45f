// summary: How much there is, and how new the newest of it is.
// mode: read
// column: devices people: devices
// column: latest_device: when one was last seen
// column: accounts people: accounts
// column: latest_account: when one was last made
// column: sign_ins people: pairs of device and account that signed in
// column: latest_sign_in: when one last did
// column: engagements people: engagements, by subject, content, type and day
// column: latest_engagement: the newest
// column: interests people: interests
// column: latest_interests: as of when
MATCH (d:Device) WITH count(d) AS devices, max(d.last_seen) AS latest_device
OPTIONAL MATCH (a:Account) WITH devices, latest_device, count(a) AS accounts, max(a.created_at) AS latest_account
OPTIONAL MATCH (:Device)-[s:SIGNED_IN_AS]->(:Account)
WITH devices, latest_device, accounts, latest_account, count(s) AS sign_ins, max(s.last_seen) AS latest_sign_in
OPTIONAL MATCH ()-[e:ENGAGED]->(:Content)
WITH devices, latest_device, accounts, latest_account, sign_ins, latest_sign_in,
     count(e) AS engagements, max(e.last_at) AS latest_engagement
OPTIONAL MATCH (:Person)-[i:INTERESTED_IN]->(:Tag)
RETURN devices, latest_device, accounts, latest_account, sign_ins, latest_sign_in, engagements, latest_engagement,
       count(i) AS interests, max(i.at) AS latest_interests
